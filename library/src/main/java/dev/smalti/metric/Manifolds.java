package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Bool;
import static org.bytedeco.pytorch.global.torch.ScalarType.Double;
import static org.bytedeco.pytorch.global.torch.ScalarType.Long;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
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
     * block at a time, so that besides the features about 600 MB are held in 2,048 dimensions, whatever N and M.
     *
     * @throws IllegalArgumentException if the dimensions differ, a feature isn't finite, {@code neighbours} is below 1
     *     or one of the sets has no more images than that
     */
    public static Manifolds of(Tensor real, Tensor fake, int neighbours) {
        return members(real, fake, List.of(neighbours)).get(0).shares();
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
        /** The means. */
        public Manifolds shares() {
            return new Manifolds(mean(precise), mean(recalled), mean(dense), mean(covered));
        }

        private static double mean(double[] values) {
            return Arrays.stream(values).average().orElseThrow();
        }
    }

    /**
     * For each image, and for several numbers of {@code neighbours} at hardly more than the cost of one, in their order.
     *
     * @throws IllegalArgumentException as for one, or if there is none
     */
    public static List<Members> members(Tensor real, Tensor fake, List<Integer> neighbours) {
        return members(real, fake, neighbours, rows -> {});
    }

    /**
     * The same with its progress.
     *
     * @param progress told of the rows that were compared so far, {@link #rows} in all
     */
    public static List<Members> members(Tensor real, Tensor fake, List<Integer> neighbours, LongConsumer progress) {
        return members(real, fake, neighbours, Distances.BLOCK, progress);
    }

    /** How many rows are compared with a set: both with their own, and the real ones with the fake ones. */
    public static long rows(Tensor real, Tensor fake) {
        return 2 * real.size(0) + fake.size(0);
    }

    static List<Members> members(Tensor real, Tensor fake, List<Integer> neighbours, long block) {
        return members(real, fake, neighbours, block, rows -> {});
    }

    private static List<Members> members(
            Tensor real, Tensor fake, List<Integer> neighbours, long block, LongConsumer progress) {
        if (neighbours.isEmpty()) {
            throw new IllegalArgumentException("neighbours must not be empty; say to which neighbour balls reach");
        }
        if (Collections.min(neighbours) < 1) {
            throw new IllegalArgumentException("neighbours must be at least 1, got " + Collections.min(neighbours));
        }
        int most = Collections.max(neighbours);
        Features.check(real, fake, most + 1L);
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Distances distances = new Distances(real, fake, block, progress);
                Tensor which = Tensors.longs(
                                neighbours.stream().mapToLong(k -> k - 1).toArray())
                        .to(real.device(), Long); // [r]
                Tensor realRadii = distances.nearest(real, most).index_select(1, which); // [N, r]
                Tensor fakeRadii = distances.nearest(fake, most).index_select(1, which); // [M, r]
                List<Count> counts = IntStream.range(0, neighbours.size())
                        .mapToObj(i -> new Count(realRadii.select(1, i), fakeRadii.select(1, i)))
                        .toList();
                distances.within(
                        real, realRadii, fake, fakeRadii, (x, y, d) -> counts.forEach(each -> each.add(x, y, d)));
                return IntStream.range(0, neighbours.size())
                        .mapToObj(i -> counts.get(i).members(neighbours.get(i)))
                        .toList();
            }
        });
    }

    /** Who lies in whose ball, by radii [N] and [M]. */
    private static final class Count {
        private final Tensor realRadii;
        private final Tensor fakeRadii;
        private final Tensor precise; // [M]
        private final Tensor recalled; // [N]
        private final Tensor covered; // [N]
        private final Tensor inside; // [M], real balls

        Count(Tensor realRadii, Tensor fakeRadii) {
            this.realRadii = realRadii;
            this.fakeRadii = fakeRadii;
            precise = torch.zeros_like(fakeRadii).to(Bool);
            recalled = torch.zeros_like(realRadii).to(Bool);
            covered = torch.zeros_like(realRadii).to(Bool);
            inside = torch.zeros_like(fakeRadii);
        }

        /** [U], [U], [U] */
        void add(Tensor x, Tensor y, Tensor distances) {
            Tensor ofReal = realRadii.index_select(0, x); // [U]
            Tensor ofFake = fakeRadii.index_select(0, y); // [U]
            Tensor within = distances.lt(ofReal); // [U]
            mark(precise, y, distances.le(ofReal));
            mark(recalled, x, distances.le(ofFake));
            mark(covered, x, within);
            inside.index_add_(0, y, within.to(Double));
        }

        private static void mark(Tensor marked, Tensor members, Tensor which) {
            marked.index_fill_(0, members.masked_select(which), new Scalar(1));
        }

        Members members(int neighbours) {
            return new Members(
                    each(precise), each(recalled), each(inside.div(new Scalar((double) neighbours))), each(covered));
        }
    }

    private static double[] each(Tensor which) {
        return Tensors.toDoubles(which.to(Double));
    }
}
