package dev.smalti.model;

import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Tensor;

/** Draws grids and makes images of them: what {@link Drawing} and {@link Decoding} need of a {@link Model}, and no more. */
public interface Painter {
    /** K, h, w and T of the grids that are drawn so. */
    TokenSpace space(Sampling sampling);

    /**
     * Draws grids, whatever is drawn with them.
     *
     * @return int64 [size, h, w] or [size, T, h, w]
     */
    Tensor codes(GridBatch batch, StepWatcher watcher);

    /**
     * Pixels a token along a side.
     *
     * @throws dev.smalti.run.JobException if it draws tokens alone
     */
    int patch();

    /** int64 [B, h, w] or [B, T, h, w] -> [B, 3, H, W] in about [-1, 1] */
    Tensor decode(Tensor codes);
}
