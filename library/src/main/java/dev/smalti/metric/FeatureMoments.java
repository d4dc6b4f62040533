package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Mean and covariance of features that come batch by batch, in float64 on their device; it holds one [D, D], whatever
 * N. Deviations from the running mean are summed, which loses no digits where features lie far from 0. Chan, Golub and
 * LeVeque 1983, "Algorithms for Computing the Sample Variance", the pairwise algorithm.
 */
public final class FeatureMoments implements AutoCloseable {
    private long count;
    private Tensor mean; // [D]
    private Tensor scatter; // [D, D], Σ (x - mean)(x - mean)ᵀ

    /**
     * Adds a batch. [B, D]
     *
     * @throws IllegalArgumentException if the dimension is another than before or a feature isn't finite
     */
    public void add(Tensor features) {
        Features.check("features", features, 1);
        if (mean != null && mean.size(0) != features.size(1)) {
            throw new IllegalArgumentException(
                    Phrase.of("features must have dimension %d like those before, got %d; take all from one network")
                            .with(mean.size(0), features.size(1)));
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                start(features);
                long b = features.size(0);
                Tensor x = features.to(Double); // [B, D]
                Tensor center = x.mean(0); // [D]
                Tensor deviation = x.sub(center); // [B, D]
                Tensor apart = center.sub(mean); // [D]
                scatter.addmm_(deviation.t(), deviation);
                scatter.addr_(apart, apart, new Scalar(1.0), new Scalar((double) count * b / (count + b)));
                mean.add_(apart, new Scalar((double) b / (count + b)));
                count += b;
            }
        });
    }

    private void start(Tensor features) {
        if (mean == null) {
            long d = features.size(features.dim() - 1);
            mean = Scope.hold(torch.zeros(new long[] {d}, Tensors.options(Double, features.device())));
            scatter = Scope.hold(torch.zeros(new long[] {d, d}, Tensors.options(Double, features.device())));
        }
    }

    /**
     * What some images come to, to be added to those of others.
     *
     * @param count of images, at least 1
     * @param mean of each feature; float64 [D]
     * @param scatter sum of the products of deviations from the mean; float64 [D, D]
     */
    public record Sums(long count, Tensor mean, Tensor scatter) {
        /** @throws IllegalArgumentException if there is no image, shapes don't fit or a number isn't finite */
        public Sums {
            if (count < 1) {
                throw new IllegalArgumentException("sums must be of at least 1 image, got " + count);
            }
            Dims.check("mean", mean, Dims.ANY);
            Dims.check("scatter", scatter, mean.size(0), mean.size(0));
            Features.finite("mean", mean);
            Features.finite("scatter", scatter);
        }
    }

    /**
     * Of what was added so far; copies, on the CPU.
     *
     * @throws IllegalArgumentException if that is nothing
     */
    public Sums sums() {
        return Scope.keep(() -> new Sums(count, copy(mean), copy(scatter)));
    }

    private static Tensor copy(Tensor tensor) {
        return tensor == null ? Tensors.zeros(0) : tensor.cpu().clone();
    }

    /**
     * Adds the images of which {@code other} are the sums, as if they had been added themselves but for the last digits.
     *
     * @throws IllegalArgumentException if the dimension is another than before
     */
    public void add(Sums other) {
        if (mean != null && mean.size(0) != other.mean().size(0)) {
            throw new IllegalArgumentException(
                    Phrase.of("sums must have dimension %d like those before, got %d; take all from one network")
                            .with(mean.size(0), other.mean().size(0)));
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                start(other.mean());
                long b = other.count();
                Tensor apart = other.mean().to(mean.device(), Double).sub(mean); // [D]
                scatter.add_(other.scatter().to(mean.device(), Double));
                scatter.addr_(apart, apart, new Scalar(1.0), new Scalar((double) count * b / (count + b)));
                mean.add_(apart, new Scalar((double) b / (count + b)));
                count += b;
            }
        });
    }

    /** How many images were added. */
    public long count() {
        return count;
    }

    /**
     * Of what was added so far; copies, on the CPU.
     *
     * @throws IllegalArgumentException if that is fewer than 2 images
     */
    public FeatureStatistics statistics() {
        if (count < 2) {
            throw new IllegalArgumentException("a covariance needs at least 2 images, got " + count + "; add images");
        }
        return Scope.keep(() -> new FeatureStatistics(
                count,
                mean.cpu().clone(),
                scatter.div(new Scalar((double) (count - 1))).cpu()));
    }

    @Override
    public void close() {
        if (mean != null) {
            Scope.release(mean);
            Scope.release(scatter);
        }
    }
}
