package dev.smalti.token;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;

/** The classes of grids; the number of classes stands for no class. */
public final class Labels {
    private Labels() {}

    /**
     * Checks the labels of {@code batch} grids.
     *
     * @param labels int64 [B]; null without classes
     * @param classes 0 for none
     * @throws IllegalArgumentException naming the first label that is none of them, and the rule
     */
    public static void check(Tensor labels, int classes, long batch) {
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
