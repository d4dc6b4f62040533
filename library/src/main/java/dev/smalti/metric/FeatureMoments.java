package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

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
            long d = features.size(1);
            mean = Scope.hold(torch.zeros(new long[] {d}, Tensors.options(Double, features.device())));
            scatter = Scope.hold(torch.zeros(new long[] {d, d}, Tensors.options(Double, features.device())));
        }
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
