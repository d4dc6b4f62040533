package dev.smalti.draw;

import dev.smalti.tensor.Dims;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens that stay while the rest of a grid is drawn.
 *
 * @param codes int64 [B, h, w], or [B, T, h, w] where there are several codes at each place; at open places they are ignored
 * @param open where tokens are drawn, the same in all grids, bool [h, w]
 * @param noiseSeeds of the kept codes of a diffusion tokenizer, int64 [B]; null for others
 */
public record Known(Tensor codes, Tensor open, Tensor noiseSeeds) {
    /** @throws IllegalArgumentException naming the tensor whose shape or type is wrong, or if there is nothing to draw */
    public Known {
        if (codes.dim() != 3 && codes.dim() != 4) {
            throw new IllegalArgumentException(
                    "known codes must be [B, h, w] or [B, T, h, w], got " + Dims.text(Dims.of(codes)));
        }
        Dims.check("open", open, codes.size(-2), codes.size(-1));
        if (open.scalar_type().intern() != ScalarType.Bool) {
            throw new IllegalArgumentException(
                    "open must be bool, got " + open.scalar_type().intern());
        }
        if (!open.any().item_bool()) {
            throw new IllegalArgumentException("open must have at least one place to draw, and all are kept");
        }
        if (noiseSeeds != null) {
            Dims.check("noise seeds", noiseSeeds, codes.size(0));
        }
    }

    /** Of a tokenizer without noise. */
    public Known(Tensor codes, Tensor open) {
        this(codes, open, null);
    }
}
