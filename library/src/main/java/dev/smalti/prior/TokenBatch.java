package dev.smalti.prior;

import dev.smalti.tensor.Dims;
import dev.smalti.token.Labels;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Tensor;

/**
 * Grids to train on.
 *
 * @param codes int64 [B, L], row-major; [B, T·L] where there are T codes at each place, those of a step together
 * @param labels int64 [B]; null without classes
 * @param noiseSeeds of a diffusion tokenizer's noise, int64 [B]; null without
 */
public record TokenBatch(Tensor codes, Tensor labels, Tensor noiseSeeds) {
    /** Without noise. */
    public TokenBatch(Tensor codes, Tensor labels) {
        this(codes, labels, null);
    }

    /**
     * Returns this if a prior over {@code space} with so many classes can take it.
     *
     * @throws IllegalArgumentException naming the first code or label that it can't, and the rule
     */
    public TokenBatch check(TokenSpace space, int classes) {
        Dims.check("codes", codes, Dims.ANY, space.size());
        space.check("the batch", codes);
        Labels.check(labels, classes, codes.size(0));
        return this;
    }
}
