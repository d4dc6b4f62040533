package dev.smalti.prior;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Tensors;
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
        checkLabels(labels, classes, codes.size(0));
        return this;
    }

    /**
     * Checks the labels of {@code batch} grids; the number of classes stands for no class.
     *
     * @throws IllegalArgumentException naming the first label that is none of the prior's, and the rule
     */
    public static void checkLabels(Tensor labels, int classes, long batch) {
        if ((labels == null) != (classes == 0)) {
            throw new IllegalArgumentException(
                    labels == null
                            ? "labels are required: the prior has " + classes + " classes (" + classes
                                    + " for no class)"
                            : "labels must be left out: the prior has no classes");
        }
        if (labels == null) {
            return;
        }
        Dims.check("labels", labels, batch);
        long[] values = Tensors.toLongs(labels);
        for (int i = 0; i < values.length; i++) {
            if (values[i] < 0 || values[i] > classes) {
                throw new IllegalArgumentException("labels must be in 0.." + classes + " (" + classes
                        + " for no class), got " + values[i] + " at [" + i + "]");
            }
        }
    }
}
