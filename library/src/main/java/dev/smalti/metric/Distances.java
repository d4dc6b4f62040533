package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;
import static org.bytedeco.pytorch.global.torch.ScalarType.Float;
import static org.bytedeco.pytorch.global.torch.ScalarType.Long;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Who is near whom, within and between sets of features [N, D]: float32 finds the pairs that matter, float64 decides on
 * them. Letters: N, M members of the sets, n, m those of a block, D features, k which neighbour, U pairs.
 *
 * <p>|x - y|² = |x|² + |y|² - 2 xᵀy costs a matrix product, which float32 does in about half the time of float64. What
 * it rounds has a bound. For features around 0, the unit roundoff u, and any order of the sum,
 *
 * <pre>error ≤ γ (|x|² + |y|²),  γ = (D + 32) u / (1 - (D + 32) u)</pre>
 *
 * where D is the share of the product (Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 3.1, and
 * 2 |x| |y| ≤ |x|² + |y|²) and the rest is that of rounding the features, the squares and the three sums. So a block of
 * products gives lower bounds of its distances, and pairs whose bounds leave open on which side of a radius they are
 * get the sum of (x - y)² in float64, which cancels nothing: copies are at exactly 0, and a pair is at the same distance
 * whichever block it comes in. The decisions are those of float64, not nearly those. Where features are close together
 * and far from their centre (a hundredth of the way, in 2,048 dimensions), γ leaves much open, and the products of such
 * blocks are taken in float64, with the same reasoning and a u of its own; only what these can't tell apart either is
 * slow.
 *
 * <p>Measured for 50,000 against 50,000 features in 2,048 dimensions, k = 3 and 5 together, one thread of a server with
 * AVX-512 ({@code bench/run metrics}): 262 s of processor time, 0.82 times that of three plain products in float32, since
 * a set with itself takes half a product; 579 MB more than the features.
 *
 * <p>Distances are in a unit of their own, a power of 2, so that nothing overflows in float32; only comparisons among
 * those of one object have a meaning. No more than a block of them is held at a time.
 */
final class Distances {
    /** So many rows at a time: 16 MB of products, and 16 MB of each operand in 2,048 dimensions. */
    static final long BLOCK = 2048;

    /** So many neighbours more than asked for are looked at in float64. */
    private static final int SPARE = 4;

    private final ScalarType wide; // in which features are moved and scaled
    private final double unit;
    private final Tensor center; // in this unit, [D]
    private final long size;
    private final LongConsumer progress;
    private long rows;

    /** @param rows around 0 in this object's unit, [n, D]; {@code squares} of their lengths, float64 [n] */
    private record Block(long start, Tensor rows, Tensor squares) {
        ScalarType dtype() {
            return rows.scalar_type().intern();
        }

        /** γ: by how much of |x|² + |y|² a distance may be off. */
        double rounding() {
            double all = (rows.size(1) + 32) * (dtype() == Float ? 0x1p-24 : 0x1p-53);
            return all / (1 - all);
        }

        /** By how much more it may be off where numbers are so small that they underflow. */
        double least() {
            return dtype() == Float ? 1e-30 : 1e-290;
        }

        /** (1 - γ) |x|², in the precision of the products. [n] */
        Tensor lower() {
            return squares.mul(new Scalar(1 - rounding()))
                    .sub(new Scalar(least()))
                    .to(dtype());
        }
    }

    /** A set, and the squared lengths of its members around 0 in this object's unit; [N, D], float64 [N]. */
    private final class Members {
        private final Tensor features;
        private final Tensor squares;

        Members(Tensor features) {
            this.features = features;
            squares = torch.empty(new long[] {features.size(0)}, Tensors.options(Double, features.device()), null);
            Features.blocks(features, (x, start) -> squares.narrow(0, start, x.size(0))
                    .copy_(moved(x).square_().sum(1)));
        }

        Block block(long start, long n, ScalarType dtype) {
            return Scope.keep(() -> {
                Tensor rows = features.narrow(0, start, n);
                Tensor moved = moved(rows.to(dtype == Double ? Double : wide));
                return new Block(start, moved.to(dtype), squares.narrow(0, start, n));
            });
        }

        void blocks(long from, ScalarType dtype, Consumer<Block> body) {
            for (long start = from; start < features.size(0); start += size) {
                long at = start;
                Stopping.check();
                Scope.free(() -> body.accept(block(at, Math.min(size, features.size(0) - at), dtype)));
            }
        }

        /** Around 0. [n, D] -> [n, D] */
        private Tensor moved(Tensor rows) {
            return rows.div(new Scalar(unit)).sub_(center.to(rows.scalar_type().intern()));
        }
    }

    /** What to do with pairs of a member of each set, and their squared distances. [U], [U], [U] */
    interface Pairs {
        void accept(Tensor first, Tensor second, Tensor distances);
    }

    /** Without progress. */
    Distances(Tensor first, Tensor second, long size) {
        this(first, second, size, rows -> {});
    }

    /**
     * @param size rows at a time; another than {@link #BLOCK} changes no result
     * @param progress told of the rows that were compared, in all calls together
     */
    Distances(Tensor first, Tensor second, long size, LongConsumer progress) {
        this.size = size;
        this.progress = progress;
        long all = first.size(0) + second.size(0);
        wide = single(first) && single(second) ? Float : Double;
        Tensor mean = Scope.keep(() -> {
            Tensor sum = torch.zeros(new long[] {first.size(1)}, Tensors.options(Double, first.device())); // [D]
            Features.blocks(first, (x, i) -> sum.add_(x.sum(0)));
            Features.blocks(second, (y, j) -> sum.add_(y.sum(0)));
            return sum.div(new Scalar((double) all));
        });
        double[] most = {wide == Float ? java.lang.Float.MIN_NORMAL : java.lang.Double.MIN_NORMAL};
        for (Tensor each : new Tensor[] {first, second}) {
            Features.blocks(
                    each,
                    (x, i) ->
                            most[0] = Math.max(most[0], x.sub(mean).abs().max().item_double()));
        }
        unit = Math.scalb(1.0, Math.getExponent(most[0]));
        center = mean.div(new Scalar(unit)).to(wide).to(Double);
    }

    private static boolean single(Tensor features) {
        return features.scalar_type().intern() != Double;
    }

    /** The length of one; squared distances here are in units of its square. */
    double unit() {
        return unit;
    }

    /**
     * The squared distance of each member to the nearest of the others, the second nearest and so on up to the
     * {@code most}-th. [N, D] -> [N, most]
     */
    Tensor nearest(Tensor features, int most) {
        return Scope.keep(() -> {
            Members members = new Members(features);
            Nearest found = new Nearest(features, most);
            members.blocks(0, Float, x -> {
                members.blocks(x.start(), Float, y -> {
                    Tensor lower = lower(x, y); // [n, m]
                    found.offer(x.start(), lower, y.start());
                    if (y.start() > x.start()) {
                        found.offer(y.start(), lower.t(), x.start());
                    }
                });
                compared(x);
            });
            Tensor distances = found.distances(features); // [N, K]
            Tensor open = found.open(distances).nonzero().squeeze(1); // [U]
            for (long start = 0; start < open.size(0); start += size) {
                long from = start;
                Scope.free(() -> {
                    Tensor which = open.narrow(0, from, Math.min(size, open.size(0) - from)); // [n]
                    distances.index_copy_(0, which, decided(members, which, most));
                });
            }
            return distances.narrow(1, 1, most); // the nearest of all is the member itself, or a copy
        });
    }

    /** Distances of some members to those nearest, from products in float64 and what these leave open. [n] -> [n, K] */
    private Tensor decided(Members members, Tensor which, int most) {
        Members some = new Members(members.features.index_select(0, which));
        Block x = some.block(0, which.size(0), Double);
        Nearest found = new Nearest(some.features, most);
        members.blocks(0, Double, y -> found.offer(0, lower(x, y), y.start()));
        Tensor distances = found.distances(members.features); // [n, K]
        if (!found.open(distances).any().item_bool()) {
            return distances;
        }
        Tensor farthest = distances.select(1, most).unsqueeze(1); // [n, 1]
        Nearest exact = new Nearest(some.features, most);
        members.blocks(0, Double, y -> {
            Tensor near = lower(x, y).le(farthest); // [n, m]
            Tensor pairs = near.nonzero(); // [U, 2]
            Tensor others = pairs.select(1, 1).add(new Scalar(y.start()));
            Tensor each = exact(some.features, pairs.select(1, 0), members.features, others); // [U]
            Tensor infinite =
                    torch.full_like(near, new Scalar(java.lang.Double.POSITIVE_INFINITY), each.options(), null);
            exact.offer(0, infinite.masked_scatter_(near, each), y.start());
        });
        return exact.bounds.sort(1, false).get0();
    }

    /** The least lower bounds of each member, and to whom they belong. */
    private final class Nearest {
        private final Tensor features; // [N, D], whose neighbours are found
        private final int most;
        private final Tensor bounds; // [N, K]
        private final Tensor members; // [N, K]

        Nearest(Tensor features, int most) {
            this.features = features;
            this.most = most;
            long[] shape = {features.size(0), most + 1 + SPARE};
            bounds = torch.full(
                    shape, new Scalar(java.lang.Double.POSITIVE_INFINITY), Tensors.options(Double, features.device()));
            members = torch.zeros(shape, Tensors.options(Long, features.device()));
        }

        /** Bounds of members from {@code start} on, to members from {@code from} on. [n, m] */
        void offer(long start, Tensor lower, long from) {
            Tensor own = bounds.narrow(0, start, lower.size(0)); // [n, K]
            Tensor rows = lower.amin(new long[] {1}, false)
                    .lt(own.amax(new long[] {1}, false))
                    .nonzero()
                    .squeeze(1); // [r]
            if (rows.size(0) == 0) {
                return;
            }
            T_TensorTensor_T least = lower.index_select(0, rows)
                    .topk(Math.min(bounds.size(1), lower.size(1)), 1, false, false); // [r, ≤ K]
            Tensor to = rows.add(new Scalar(start)); // [r]
            Tensor values =
                    Tensors.cat(1, bounds.index_select(0, to), least.get0().to(Double));
            Tensor owners =
                    Tensors.cat(1, members.index_select(0, to), least.get1().add(new Scalar(from)));
            T_TensorTensor_T kept = values.topk(bounds.size(1), 1, false, false); // [r, K]
            bounds.index_copy_(0, to, kept.get0());
            members.index_copy_(0, to, owners.gather(1, kept.get1()));
        }

        /** Those of the members that were kept, the least first; infinite where there were fewer. -> [N, K] */
        Tensor distances(Tensor others) {
            long k = bounds.size(1);
            Tensor each = torch.arange(new Scalar(features.size(0)), Tensors.options(Long, features.device()))
                    .repeat_interleave(k); // [N K]
            return exact(features, each, others, members.flatten())
                    .view(-1, k)
                    .masked_fill(bounds.isinf(), new Scalar(java.lang.Double.POSITIVE_INFINITY))
                    .sort(1, false)
                    .get0();
        }

        /** Whose farthest neighbour may be another, one that wasn't kept. [N, K] -> [N] */
        Tensor open(Tensor distances) {
            Tensor farthest = distances.select(1, most);
            return farthest.gt(bounds.amax(new long[] {1}, false)).logical_and_(farthest.gt(new Scalar(0.0)));
        }
    }

    /**
     * Gives {@code body} all pairs of which one is within the largest radius of the other, and others, each once. What
     * it gets as their distance is below, on or above each radius as the distance is. Radii are squared, in this
     * object's unit, in any number for each member. [N, D], [N, r], [M, D], [M, r]
     */
    void within(Tensor first, Tensor firstRadii, Tensor second, Tensor secondRadii, Pairs body) {
        Members xs = new Members(first);
        Members ys = new Members(second);
        xs.blocks(0, Float, x -> {
            ys.blocks(0, Float, y -> {
                long n = x.rows().size(0);
                long m = y.rows().size(0);
                Tensor ofX = firstRadii.narrow(0, x.start(), n); // [n, r]
                Tensor ofY = secondRadii.narrow(0, y.start(), m); // [m, r]
                Candidates near = Candidates.of(x, ofX, y, ofY);
                if (near.open().size(0) > n * m / 100) {
                    near = Candidates.of(xs.block(x.start(), n, Double), ofX, ys.block(y.start(), m, Double), ofY);
                }
                Tensor i = near.first().add(new Scalar(x.start())); // [U]
                Tensor j = near.second().add(new Scalar(y.start())); // [U]
                Tensor exact = exact(first, i.index_select(0, near.open()), second, j.index_select(0, near.open()));
                body.accept(i, j, near.bounds().index_copy(0, near.open(), exact));
            });
            compared(x);
        });
    }

    private void compared(Block block) {
        rows += block.rows().size(0);
        progress.accept(rows);
    }

    /**
     * Pairs whose lower bound is within a radius.
     *
     * @param first where in their block, [U]; so {@code second}
     * @param bounds the lower ones, float64 [U]
     * @param open which of these pairs have a radius between their lower and their upper bound, [≤ U]
     */
    private record Candidates(Tensor first, Tensor second, Tensor bounds, Tensor open) {
        static Candidates of(Block x, Tensor ofX, Block y, Tensor ofY) {
            Tensor lower = lower(x, y); // [n, m]
            Tensor reachX = ofX.amax(new long[] {1}, true).to(x.dtype()); // [n, 1]
            Tensor reachY = ofY.amax(new long[] {1}, false).to(x.dtype()); // [m]
            Tensor near = lower.le(reachX).logical_or_(lower.le(reachY)); // [n, m]
            Tensor pairs = near.nonzero(); // [U, 2]
            Tensor i = pairs.select(1, 0);
            Tensor j = pairs.select(1, 1);
            Tensor bounds = lower.masked_select(near).to(Double); // [U]
            Tensor upper = x.squares()
                    .index_select(0, i)
                    .add(y.squares().index_select(0, j))
                    .mul(new Scalar(2 * x.rounding()))
                    .add(new Scalar(4 * x.least()))
                    .add(bounds); // [U]
            Tensor radii = Tensors.cat(1, ofX.index_select(0, i), ofY.index_select(0, j)); // [U, 2 r]
            Tensor open = radii.ge(bounds.unsqueeze(1))
                    .logical_and_(radii.le(upper.unsqueeze(1)))
                    .any(1);
            return new Candidates(i, j, bounds, open.nonzero().squeeze(1));
        }
    }

    /** Lower bounds of |x - y|². [n], [m] -> [n, m] */
    private static Tensor lower(Block x, Block y) {
        return Scope.keep(() -> torch.addmm(y.lower(), x.rows(), y.rows().t(), new Scalar(1.0), new Scalar(-2.0))
                .add_(x.lower().unsqueeze(1)));
    }

    /** |x - y|² of each pair, from differences. [U], [U] -> float64 [U] */
    private Tensor exact(Tensor first, Tensor i, Tensor second, Tensor j) {
        return Scope.keep(() -> {
            Tensor distances =
                    torch.empty(new long[] {i.size(0)}, Tensors.options(Double, first.device()), null); // [U]
            for (long start = 0; start < i.size(0); start += BLOCK) {
                long from = start;
                Scope.free(() -> {
                    long n = Math.min(BLOCK, i.size(0) - from);
                    Tensor x = first.index_select(0, i.narrow(0, from, n)); // [n, D]
                    Tensor y = second.index_select(0, j.narrow(0, from, n)); // [n, D]
                    Tensor apart = x.to(Double).sub_(y.to(Double)).div_(new Scalar(unit));
                    distances.narrow(0, from, n).copy_(apart.square_().sum(1));
                });
            }
            return distances;
        });
    }
}
