package dev.smalti.network;

import org.bytedeco.pytorch.Tensor;

/**
 * Any network that guesses clean tokens. Guidance, larger canvases and blocks of fixed size are denoisers around a
 * denoiser.
 */
public interface Denoiser {
    /**
     * Logits at some positions. Only they are computed as far as the network allows.
     *
     * @param xt tokens, int64 [B, L], {@code K} where masked; or, for a network that was built to read vectors, those, float32
     *     [B, L, E]
     * @param time one a grid, in the method's own unit, float32 [B]; null where the method has none
     * @param label classes, int64 [B], the number of classes where dropped; null for an unconditional network
     * @param at the positions asked for, as indices into the B·L positions, ascending, int64 [M]; null for all, M = B·L
     * @return [M, K]
     */
    Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at);

    /**
     * The same for some of the grids it is for, where it is one of certain grids: one that sees them through windows of their own.
     *
     * @param which grids, int64 [B']
     */
    default Denoiser of(Tensor which) {
        return this;
    }
}
