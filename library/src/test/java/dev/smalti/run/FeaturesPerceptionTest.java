package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.job.TrainFeatures;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.PerceptualLoss;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FeaturesPerceptionTest {
    @TempDir
    private static Path folder;

    private static Path run;

    @BeforeAll
    static void trains_a_classifier() throws IOException {
        run = folder.resolve("run");
        for (int i = 0; i < 8; i++) {
            byte[] rgb = new byte[3 * 16 * 16];
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (j * (i + 1) / 7 + 40 * i);
            }
            Path labelled = folder.resolve("labelled").resolve(i % 2 == 0 ? "even" : "odd");
            Pictures.writePng(labelled.resolve(i + ".png"), new Pixels(16, 16, rgb));
        }
        Path recipe = Files.writeString(folder.resolve("features.yaml"), """
            classifier: {size: 16, channels: 8, multipliers: [1, 2]}
            training: {steps: 2, batch: 4, learning_rate: 1.0e-3, precision: fp32, device: cpu}
            """);
        new TrainFeatures(recipe, List.of(), folder.resolve("labelled"), run, false, false).run(List.of(), () -> false);
    }

    /** [2, 3, 24, 16], in [-1, 1] */
    private static Tensor images(int seed) {
        return Tensors.uniform(new Seed(seed).generator(), 2, 3, 24, 16)
                .mul(new Scalar(2.0))
                .sub(new Scalar(1.0))
                .to(ScalarType.Float);
    }

    @Test
    void is_the_mean_over_maps_of_the_squared_distances_of_unit_vectors() {
        try (PerceptualLoss loss = new FeaturesPerception(run, null).build(Devices.cpu());
                Classifier classifier = RunFolder.open(run).classifier(Devices.cpu())) {
            Scope.free(() -> {
                List<Tensor> f = classifier.maps(images(1));
                List<Tensor> g = classifier.maps(images(2));
                double[] found = Tensors.toDoubles(loss.distance(images(1), images(2)));
                assertThat(f).hasSize(2);
                for (int i = 0; i < 2; i++) {
                    double mean = (apart(f.get(0), g.get(0), i) + apart(f.get(1), g.get(1), i)) / 2;
                    assertThat(found[i]).isCloseTo(mean, within(1e-5)).isPositive();
                }
                assertThat(Tensors.toDoubles(loss.distance(images(1), images(1))))
                        .containsExactly(0, 0);
            });
        }
    }

    /** Of image {@code i}. [B, C, h, w], [B, C, h, w] */
    private static double apart(Tensor f, Tensor g, int i) {
        int channels = (int) f.size(1);
        double[] a = Tensors.toDoubles(f.select(0, i));
        double[] b = Tensors.toDoubles(g.select(0, i));
        int places = a.length / channels;
        double sum = 0;
        for (int place = 0; place < places; place++) {
            double aa = 1e-10;
            double bb = 1e-10;
            double ab = 0;
            for (int c = 0; c < channels; c++) {
                int at = c * places + place;
                aa += a[at] * a[at];
                bb += b[at] * b[at];
                ab += a[at] * b[at];
            }
            sum += 2 - 2 * ab / Math.sqrt(aa * bb); // |u - v|² of unit vectors
        }
        return sum / places;
    }

    @Test
    void its_gradient_reaches_the_reconstruction_and_not_the_classifier() {
        try (PerceptualLoss loss = new FeaturesPerception(run, null).build(Devices.cpu())) {
            Scope.free(() -> {
                assertThat(loss.distance(images(1), images(2)).requires_grad()).isFalse();
                Tensor reconstruction = images(2).set_requires_grad(true);
                Tensor distance = Precision.BF16.run(Devices.cpu(), () -> loss.distance(images(1), reconstruction));
                assertThat(distance.scalar_type().intern()).isEqualTo(ScalarType.Float);
                distance.sum().backward();
                assertThat(reconstruction.grad().isfinite().all().item_bool()).isTrue();
                assertThat(reconstruction.grad().norm().item_double()).isPositive();
            });
        }
    }

    @Test
    void needs_a_run_and_a_weight_above_0() {
        assertThatThrownBy(() -> new FeaturesPerception(null, 1.0)).hasMessageContaining("run is required");
        assertThatThrownBy(() -> new FeaturesPerception(run, -1.0))
                .hasMessageContaining("weight must be above 0, got -1.0");
        assertThat(new FeaturesPerception(run, null).weight()).isEqualTo(1);
    }
}
