package dev.smalti.prior.process;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The positions of a batch that may change in a step, and the grids that have any: the network sees no others.
 *
 * @param rows grids with such positions, int64 [B']
 * @param at the positions among the B·L of the batch, ascending, int64 [M]
 * @param within the same positions among the B'·L of those grids, int64 [M]
 * @param counts how many each of those grids has, [B']
 */
public record ActivePositions(Tensor rows, Tensor at, Tensor within, List<Long> counts) {
    /** Where {@code open}, bool [B, L], is true; empty if that is nowhere. */
    public static Optional<ActivePositions> of(Tensor open) {
        // how many each grid has is all that is read of a device in a step
        List<Long> counts = LongStream.of(
                        Tensors.toLongs(open.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long))))
                .filter(count -> count > 0)
                .boxed()
                .toList();
        if (counts.isEmpty()) {
            return Optional.empty();
        }
        long all = counts.stream().mapToLong(Long::longValue).sum();
        Tensor rows = where(open.any(1), counts.size());
        Tensor at = where(open.flatten(), all);
        Tensor within = where(open.index_select(0, rows).flatten(), all);
        return Optional.of(new ActivePositions(rows, at, within, counts));
    }

    /**
     * Some places of each of several passes, sent to the device together.
     *
     * @param at of each pass and grid, ascending; in each pass of one grid at least
     * @param length L
     */
    static List<ActivePositions> of(List<List<List<Integer>>> at, long length, Device device) {
        LongStream.Builder sent = LongStream.builder();
        List<List<Long>> counts = new ArrayList<>();
        for (List<List<Integer>> pass : at) {
            counts.add(pass.stream()
                    .filter(places -> !places.isEmpty())
                    .map(places -> (long) places.size())
                    .toList());
            add(sent, pass, length);
        }
        Tensor all = Devices.send(Tensors.longs(sent.build().toArray()), device, ScalarType.Long);
        List<ActivePositions> passes = new ArrayList<>();
        long begin = 0;
        for (List<Long> own : counts) {
            long places = own.stream().mapToLong(Long::longValue).sum();
            passes.add(new ActivePositions(
                    all.narrow(0, begin, own.size()),
                    all.narrow(0, begin + own.size(), places),
                    all.narrow(0, begin + own.size() + places, places),
                    own));
            begin += own.size() + 2 * places;
        }
        return passes;
    }

    /** The rows, places and places within the rows of one pass. */
    private static void add(LongStream.Builder sent, List<List<Integer>> pass, long length) {
        int[] rows = IntStream.range(0, pass.size())
                .filter(grid -> !pass.get(grid).isEmpty())
                .toArray();
        for (int row : rows) {
            sent.add(row);
        }
        for (int row : rows) {
            pass.get(row).forEach(place -> sent.add(row * length + place));
        }
        for (int row = 0; row < rows.length; row++) {
            long first = row * length;
            pass.get(rows[row]).forEach(place -> sent.add(first + place));
        }
    }

    /**
     * The same in parts of whole grids, in order.
     *
     * @param most positions of a part, unless one grid has more
     * @param length L
     */
    public List<ActivePositions> parts(long most, long length) {
        List<ActivePositions> parts = new ArrayList<>();
        long position = 0;
        for (int begin = 0; begin < counts.size(); ) {
            int end = begin;
            long count = 0;
            while (end < counts.size() && (end == begin || count + counts.get(end) <= most)) {
                count += counts.get(end++);
            }
            parts.add(new ActivePositions(
                    rows.narrow(0, begin, end - begin),
                    at.narrow(0, position, count),
                    within.narrow(0, position, count).sub(new Scalar(begin * length)),
                    counts.subList(begin, end)));
            position += count;
            begin = end;
        }
        return parts;
    }

    /** bool [n] -> the {@code count} places that are true, int64 [count] */
    private static Tensor where(Tensor all, long count) {
        return all.nonzero_static(count).squeeze(1);
    }

    /**
     * What the network says of these places.
     *
     * @param xt int64 [B, L], on the device of the network
     * @param time of all grids
     * @param labels int64 [B]; null for an unconditional prior
     * @return [M, K]
     */
    public Tensor logits(Denoiser denoiser, Tensor xt, double time, Tensor labels) {
        return asked(
                denoiser,
                xt,
                torch.full(new long[] {rows.numel()}, new Scalar(time), Tensors.options(ScalarType.Float, xt.device())),
                labels);
    }

    /**
     * The same where each grid is at a time of its own.
     *
     * @param times of all grids, float32 [B]
     */
    public Tensor logits(Denoiser denoiser, Tensor xt, Tensor times, Tensor labels) {
        return asked(denoiser, xt, times.index_select(0, rows), labels);
    }

    private Tensor asked(Denoiser denoiser, Tensor xt, Tensor times, Tensor labels) {
        Tensor own = labels == null ? null : labels.index_select(0, rows);
        return denoiser.of(rows).logits(xt.index_select(0, rows), times, own, within);
    }

    /** The tokens at these places. int64 [B, L] -> [M] */
    public Tensor read(Tensor xt) {
        return xt.flatten().index_select(0, at);
    }

    /** {@code xt} with other tokens, int64 [M], at these places. [B, L] -> [B, L] */
    public Tensor write(Tensor xt, Tensor tokens) {
        return xt.flatten().index_copy(0, at, tokens).view_as(xt);
    }
}
