package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Bool;
import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * How two sets of features cover one another, where the manifold of a set is the union of balls around its members,
 * each reaching to the k-th nearest of the others. Letters: x real, y fake, B(x) the ball around x.
 *
 * <p>Precision and recall are those of Kynkäänniemi et al. 2019, arXiv:1904.06991, equations 1 and 2, whose balls have
 * their border in them; usually k = 3. Density and coverage are those of Naeem et al. 2020, arXiv:2002.09797, by
 * their code, whose balls have not; usually k = 5. All four fall with smaller sets and are compared at one N.
 *
 * @param precision the share of fakes in the real manifold, in [0, 1]
 * @param recall the share of reals in the fake manifold, in [0, 1]
 * @param density Σ_y #{x : y ∈ B(x)} / (k M), at least 0; about 1 for sets of one distribution
 * @param coverage the share of reals in whose balls there are fakes, in [0, 1]
 */
public record Manifolds(double precision, double recall, double density, double coverage) {
    /**
     * Measures [N, D] real and [M, D] fake features with balls to the {@code neighbours}-th nearest. Distances come a
     * block at a time, so that besides the features about 150 MB are held in 2,048 dimensions, whatever N and M.
     *
     * @throws IllegalArgumentException if the dimensions differ, a feature isn't finite, {@code neighbours} is below 1
     *     or one of the sets has no more images than that
     */
    public static Manifolds of(Tensor real, Tensor fake, int neighbours) {
        return members(real, fake, neighbours).shares();
    }

    /**
     * Where each image lies, of which {@link Manifolds} are the means. What a fake adds to precision and density does not
     * depend on the other fakes, so that resamples of these values are what resamples of the fakes would give; what a real
     * image adds to recall and coverage depends on all fakes, and its resamples say how sure they are given these fakes.
     *
     * @param precise 1 for a fake in the real manifold, else 0; [M]
     * @param recalled 1 for a real in the fake manifold, else 0; [N]
     * @param dense the real balls that a fake is in, by k; [M]
     * @param covered 1 for a real in whose ball there are fakes, else 0; [N]
     */
    public record Members(double[] precise, double[] recalled, double[] dense, double[] covered) {
        private Manifolds shares() {
            return new Manifolds(mean(precise), mean(recalled), mean(dense), mean(covered));
        }

        private static double mean(double[] values) {
            return Arrays.stream(values).average().orElseThrow();
        }
    }

    /** The same for each image, with the same errors. */
    public static Members members(Tensor real, Tensor fake, int neighbours) {
        if (neighbours < 1) {
            throw new IllegalArgumentException("neighbours must be at least 1, got " + neighbours);
        }
        Features.check(real, fake, neighbours + 1L);
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                return measure(real, fake, neighbours);
            }
        });
    }

    private static Members measure(Tensor real, Tensor fake, int neighbours) {
        Tensor realRadii = radii(real, neighbours); // [N]
        Tensor fakeRadii = radii(fake, neighbours); // [M]
        Tensor precise = torch.zeros_like(fakeRadii).to(Bool); // [M]
        Tensor recalled = torch.zeros_like(realRadii).to(Bool); // [N]
        Tensor nearest = torch.full_like(realRadii, new Scalar(java.lang.Double.POSITIVE_INFINITY)); // [N]
        Tensor inside = torch.zeros_like(fakeRadii); // [M]
        Features.blocks(
                fake,
                (y, i) -> Features.blocks(real, (x, j) -> {
                    Tensor distances = squaredDistances(y, x); // [m, n]
                    Tensor ofReal = part(realRadii, j, x); // [n]
                    Tensor ofFake = part(fakeRadii, i, y).unsqueeze(1); // [m, 1]
                    part(precise, i, y).logical_or_(distances.le(ofReal).any(1));
                    part(recalled, j, x).logical_or_(distances.le(ofFake).any(0));
                    Tensor least = part(nearest, j, x);
                    least.copy_(least.minimum(distances.amin(new long[] {0}, false)));
                    part(inside, i, y).add_(distances.lt(ofReal).sum(1));
                }));
        return new Members(
                each(precise),
                each(recalled),
                each(inside.div(new Scalar((double) neighbours))),
                each(nearest.lt(realRadii)));
    }

    private static double[] each(Tensor which) {
        return Tensors.toDoubles(which.to(Double));
    }

    /** The rows that belong to a block which begins at {@code start}. */
    private static Tensor part(Tensor values, long start, Tensor block) {
        return values.narrow(0, start, block.size(0));
    }

    /** The squared distance of each to its k-th nearest among the others. [N, D] -> [N] */
    static Tensor radii(Tensor features, int neighbours) {
        return Scope.keep(() -> {
            Tensor radii =
                    torch.empty(new long[] {features.size(0)}, Tensors.options(Double, features.device()), null); // [N]
            Features.blocks(features, (x, i) -> {
                // each is the nearest to itself
                Tensor nearest = torch.full(
                        new long[] {x.size(0), neighbours + 1},
                        new Scalar(java.lang.Double.POSITIVE_INFINITY),
                        Tensors.options(Double, features.device())); // [n, k + 1]
                Features.blocks(features, (y, j) -> {
                    Tensor candidates = Tensors.cat(1, nearest, squaredDistances(x, y));
                    nearest.copy_(
                            candidates.topk(neighbours + 1, 1, false, true).get0());
                });
                part(radii, i, x).copy_(nearest.select(1, neighbours));
            });
            return radii;
        });
    }

    /**
     * |x - y|² = |x|² + |y|² - 2 xᵀy. What is nothing but rounding becomes 0, so that copies of one image are at no
     * distance in whichever blocks they come. [n, D], [m, D] -> [n, m]
     */
    private static Tensor squaredDistances(Tensor x, Tensor y) {
        Tensor squares = x.square().sum(1).unsqueeze(1).add(y.square().sum(1)); // [n, m]
        Tensor distances = torch.addmm(squares, x, y.t(), new Scalar(1.0), new Scalar(-2.0));
        return distances.masked_fill_(distances.lt(squares.mul(new Scalar(1e-12))), new Scalar(0.0));
    }
}
