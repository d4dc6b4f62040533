package dev.smalti.prior.process;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Tensors;
import java.util.Optional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The positions of a batch that may change in a step, and the grids that have any: the network sees no others.
 *
 * @param rows grids with such positions, int64 [B']
 * @param at the positions among the B·L of the batch, ascending, int64 [M]
 * @param within the same positions among the B'·L of those grids, int64 [M]
 */
public record ActivePositions(Tensor rows, Tensor at, Tensor within) {
    /** Where {@code open}, bool [B, L], is true; empty if that is nowhere. */
    public static Optional<ActivePositions> of(Tensor open) {
        Tensor some = open.any(1); // [B]
        // how many there are is all that is read of a device in a step
        long[] counts = Tensors.toLongs(torch.stack(new TensorVector(some.sum(), open.sum()), 0));
        if (counts[1] == 0) {
            return Optional.empty();
        }
        Tensor rows = where(some, counts[0]);
        Tensor at = where(open.flatten(), counts[1]);
        Tensor within = where(open.index_select(0, rows).flatten(), counts[1]);
        return Optional.of(new ActivePositions(rows, at, within));
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
        Tensor times =
                torch.full(new long[] {rows.numel()}, new Scalar(time), Tensors.options(ScalarType.Float, xt.device()));
        Tensor own = labels == null ? null : labels.index_select(0, rows);
        return denoiser.logits(xt.index_select(0, rows), times, own, within);
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
