package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Long;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Kernel distance between two sets of features: the squared maximum mean discrepancy under the kernel
 * k(x, y) = (xᵀy / D + 1)³. Of Inception's pool features it is the KID. Bińkowski et al. 2018, arXiv:1801.01401. The
 * estimate is unbiased whatever N: around 0, and often below it, for two sets of one distribution.
 */
public final class KernelDistance {
    private KernelDistance() {}

    /**
     * The distance over random subsets of both sets, drawn without replacement. Usual are 100 subsets of 1,000.
     * [N, D], [M, D]
     *
     * @throws IllegalArgumentException if the dimensions differ, a feature isn't finite, there are no subsets, or the
     *     subsets have fewer than 2 images or more than there are
     */
    public static Estimate of(Tensor real, Tensor fake, int subsets, int size, Seed seed) {
        return of(real, fake, subsets, size, seed, done -> {});
    }

    /**
     * The same with its progress.
     *
     * @param progress told of the subsets done so far
     */
    public static Estimate of(Tensor real, Tensor fake, int subsets, int size, Seed seed, LongConsumer progress) {
        if (subsets < 1 || size < 2) {
            throw new IllegalArgumentException(
                    Phrase.of("a kernel distance needs at least 1 subset and 2 images in each, got %d of %d")
                            .with(subsets, size));
        }
        Features.check(real, fake, 2);
        if (size > Math.min(real.size(0), fake.size(0))) {
            throw new IllegalArgumentException(
                    Phrase.of("subsets must not be larger than either set, got %d of %d real and %d fake images; "
                                    + "add images or take smaller subsets")
                            .with(size, real.size(0), fake.size(0)));
        }
        double[] each = new double[subsets];
        for (int subset = 0; subset < subsets; subset++) {
            Seed own = seed.child(subset);
            each[subset] = Scope.value(
                    () -> discrepancy(draw(real, size, own.child("real")), draw(fake, size, own.child("fake"))));
            progress.accept(subset + 1L);
        }
        return Estimate.over(each);
    }

    private static Tensor draw(Tensor features, int size, Seed seed) {
        Tensor order = torch.randperm(features.size(0), seed.optional(), Tensors.options(Long));
        return features.index_select(0, order.narrow(0, 0, size).to(features.device(), Long));
    }

    /**
     * The distance of all images at once: the mean of k over pairs of reals, plus that over pairs of fakes, less twice
     * that over pairs of one and the other, where no image is paired with itself. [N, D], [M, D]
     *
     * @throws IllegalArgumentException if the dimensions differ, a feature isn't finite or there are fewer than 2
     *     images
     */
    public static double of(Tensor real, Tensor fake) {
        Features.check(real, fake, 2);
        return discrepancy(real, fake);
    }

    private static double discrepancy(Tensor real, Tensor fake) {
        double n = real.size(0);
        double m = fake.size(0);
        return (sum(real, real) - sumOfDiagonal(real)) / (n * (n - 1))
                + (sum(fake, fake) - sumOfDiagonal(fake)) / (m * (m - 1))
                - 2 * sum(real, fake) / (n * m);
    }

    /** Σ k(x, y) over all pairs. [N, D], [M, D] */
    private static double sum(Tensor first, Tensor second) {
        double[] sum = {0};
        Features.blocks(
                first, (x, i) -> Features.blocks(second, (y, j) -> sum[0] += total(x.matmul(y.t()), x.size(1))));
        return sum[0];
    }

    /** Σ k(x, x). [N, D] */
    private static double sumOfDiagonal(Tensor features) {
        double[] sum = {0};
        Features.blocks(features, (x, i) -> sum[0] += total(x.square().sum(1), x.size(1)));
        return sum[0];
    }

    private static double total(Tensor products, long dimension) {
        return products.div(new Scalar((double) dimension))
                .add(new Scalar(1.0))
                .pow(new Scalar(3))
                .sum()
                .item_double();
    }
}
