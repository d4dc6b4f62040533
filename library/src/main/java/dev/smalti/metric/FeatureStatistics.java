package dev.smalti.metric;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Tensor;

/**
 * All that a Fréchet distance needs of a set of images.
 *
 * @param count N, how many images; at least 2
 * @param mean of each feature; [D]
 * @param covariance of the features, with N - 1 below; [D, D]
 */
public record FeatureStatistics(long count, Tensor mean, Tensor covariance) {
    /** @throws IllegalArgumentException if there are fewer than 2 images, shapes don't fit or a number isn't finite */
    public FeatureStatistics {
        if (count < 2) {
            throw new IllegalArgumentException("a covariance needs at least 2 images, got " + count + "; add images");
        }
        Dims.check("mean", mean, Dims.ANY);
        Dims.check("covariance", covariance, mean.size(0), mean.size(0));
        Features.finite("mean", mean);
        Features.finite("covariance", covariance);
    }

    /**
     * The statistics of features that are in memory as a whole; no copy of them is made. [N, D] -> [D], [D, D]
     *
     * @throws IllegalArgumentException if there are fewer than 2 images or a feature isn't finite
     */
    public static FeatureStatistics of(Tensor features) {
        return Scope.keep(() -> {
            try (FeatureMoments moments = new FeatureMoments()) {
                Features.check("features", features, 1);
                Features.blocks(features, (block, start) -> moments.add(block));
                return moments.statistics();
            }
        });
    }

    /** D */
    public long dimension() {
        return mean.size(0);
    }
}
