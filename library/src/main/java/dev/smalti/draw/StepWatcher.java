package dev.smalti.draw;

import org.bytedeco.pytorch.Tensor;

/** Sees the grids as they come to be. It stops a draw by throwing. */
@FunctionalInterface
public interface StepWatcher {
    /** Looks away. */
    StepWatcher NONE = (done, of, xt) -> {};

    /**
     * @param done steps taken, 1..of
     * @param xt int64 [B, h, w] or [B, T, h, w], K where masked or not drawn yet; on the CPU, for the time of this call
     */
    void step(int done, int of, Tensor xt);
}
