package dev.smalti.evaluate;

import dev.smalti.metric.FeatureMoments;
import org.bytedeco.pytorch.Tensor;

/**
 * The features of a part of a set of images; what isn't kept, or of no image, is null.
 *
 * @param pool what sets are compared by; [n, D]
 * @param logits of the classes; [n, K]
 * @param classes of the images; [n]
 * @param spatialRows of the sFID; [n, D']
 * @param pooled sums of {@code pool} in its place
 * @param spatial sums of {@code spatialRows} in their place
 */
record PartFeatures(
        Tensor pool,
        Tensor logits,
        long[] classes,
        Tensor spatialRows,
        FeatureMoments.Sums pooled,
        FeatureMoments.Sums spatial) {}
