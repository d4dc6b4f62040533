package dev.smalti.distributed;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a loss takes of the whole batch where it has the items of {@linkplain Group#now one process} alone, so that N processes
 * compute what one would. Where there is one process everything is as if it weren't asked.
 *
 * <p>Letters: n the items of this process, as many as of each other, N processes, so N·n items in all, in the order of the
 * ranks.
 */
public final class WholeBatch {
    private WholeBatch() {}

    /**
     * This process's rows of what is drawn for all items at once.
     *
     * @param own n
     * @param draw given N·n, gives as many rows, the same in all processes
     * @return [n, ...]
     */
    public static Tensor own(long own, LongFunction<Tensor> draw) {
        Group group = Group.now();
        return group.size() == 1
                ? draw.apply(own)
                : Scope.keep(() -> draw.apply(own * group.size())
                        .narrow(0, own * group.rank(), own)
                        .contiguous());
    }

    /** Uniform numbers in [0, 1) for the items of this process. float64 [n, ...] */
    public static Tensor uniform(Generator generator, long own, long... rest) {
        return own(own, all -> {
            long[] shape = new long[rest.length + 1];
            shape[0] = all;
            System.arraycopy(rest, 0, shape, 1, rest.length);
            return Tensors.uniform(generator, shape);
        });
    }

    /**
     * {@link #own} where the processes have different numbers of rows.
     *
     * @param own rows of this process, which may be none
     */
    public static Tensor ofUneven(long own, LongFunction<Tensor> draw) {
        Group group = Group.now();
        if (group.size() == 1) {
            return draw.apply(own);
        }
        return Scope.keep(() -> {
            long[] counts = Tensors.toLongs(all(Tensors.longs(own)));
            long before = 0;
            long sum = 0;
            for (int rank = 0; rank < counts.length; rank++) {
                before += rank < group.rank() ? counts[rank] : 0;
                sum += counts[rank];
            }
            return draw.apply(sum).narrow(0, before, own).contiguous();
        });
    }

    /** The place of this process's first item among all. */
    public static long first(long own) {
        return own * Group.now().rank();
    }

    /** How many items there are in all. */
    public static long items(long own) {
        return own * Group.now().size();
    }

    /** The rows of all processes, without a gradient. [n, ...] -> [N·n, ...] */
    public static Tensor all(Tensor own) {
        Group group = Group.now();
        if (group.size() == 1) {
            return own;
        }
        return Scope.keep(() -> {
            long rows = own.size(0);
            long[] shape = Dims.of(own).clone();
            shape[0] = rows * group.size();
            Tensor all = torch.zeros(shape, Tensors.options(own.scalar_type(), own.device()));
            all.narrow(0, rows * group.rank(), rows).copy_(own.detach());
            group.sum(List.of(all));
            return all;
        });
    }

    /**
     * Rows of the whole, without a gradient.
     *
     * @param own [n, D]
     * @param which rows of all N·n, the same in all processes, int64 [m]
     * @return [m, D]
     */
    public static Tensor rows(Tensor own, Tensor which) {
        Group group = Group.now();
        if (group.size() == 1) {
            return own.index_select(0, which);
        }
        return Scope.keep(() -> {
            long rows = own.size(0);
            Tensor place = which.sub(new Scalar(rows * group.rank())); // among one's own
            Tensor here = place.ge(new Scalar(0L)).logical_and(place.lt(new Scalar(rows)));
            Tensor found =
                    own.detach().index_select(0, place.clamp_min(new Scalar(0L)).clamp_max(new Scalar(rows - 1)));
            return sum(torch.where(here.unsqueeze(1), found, torch.zeros_like(found)));
        });
    }

    /** The sum over all processes, without a gradient. The shape of {@code own}. */
    public static Tensor sum(Tensor own) {
        Group group = Group.now();
        if (group.size() == 1) {
            return own;
        }
        return Scope.keep(() -> {
            Tensor sum = own.detach().clone();
            group.sum(List.of(sum));
            return sum;
        });
    }

    /** What the first process has, where all must decide alike though they have added up the same in roundings of their own. The shape of {@code own}. */
    public static Tensor agreed(Tensor own) {
        Group group = Group.now();
        if (group.size() == 1) {
            return own;
        }
        return Scope.keep(() -> {
            Tensor first = own.detach().clone();
            group.broadcast(List.of(first));
            return first;
        });
    }

    /**
     * The mean over all processes, of what is a mean over items itself. Its gradient is that of this process's part, N times as
     * large as its share, as that of every loss here, since gradients are averaged. The shape of {@code own}.
     */
    public static Tensor mean(Tensor own) {
        Group group = Group.now();
        if (group.size() == 1) {
            return own;
        }
        return Scope.keep(() -> {
            Tensor mean = sum(own.to(ScalarType.Double)).div(new Scalar((double) group.size()));
            return own.add(mean.to(own.scalar_type()).sub(own.detach()));
        });
    }
}
