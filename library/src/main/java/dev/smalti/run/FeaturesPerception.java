package dev.smalti.run;

import dev.smalti.metric.FeatureMaps;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.tensor.Scope;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.PerceptualLoss;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * A perceptual loss by a classifier of one's own images, for those who don't have the weights of LPIPS: the squared distance
 * of the unit vectors at each place of a map, a mean over places and over the classifier's maps. It is LPIPS without learnt
 * weights, and no LPIPS.
 *
 * @param run folder of {@code train-features}; relative to the working directory
 * @param weight above 0; 1 if left out
 */
public record FeaturesPerception(Path run, Double weight) implements PerceptualConfiguration {
    public FeaturesPerception {
        if (run == null) {
            throw new IllegalArgumentException("run is required: give the --out of train-features");
        }
        weight = PerceptualConfiguration.weight(weight);
    }

    @Override
    public PerceptualLoss build(Device device) {
        return new OfMaps(RunFolder.open(run).classifier(device));
    }

    @Override
    public Map<String, String> parents() {
        return Map.of("features", RunFolder.open(run).sha256());
    }

    private record OfMaps(Classifier classifier) implements PerceptualLoss {
        @Override
        public Tensor distance(Tensor images, Tensor reconstruction) {
            return Scope.keep(() -> {
                List<Tensor> f = classifier.maps(images);
                List<Tensor> g = classifier.maps(reconstruction);
                Tensor sum = FeatureMaps.distance(f.get(0), g.get(0)).sum(1); // [B]
                for (int i = 1; i < f.size(); i++) {
                    sum = sum.add(FeatureMaps.distance(f.get(i), g.get(i)).sum(1));
                }
                return sum.div(new Scalar((double) f.size()));
            });
        }

        @Override
        public void close() {
            classifier.close();
        }
    }
}
