package dev.smalti.network;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Drops activations in training, and passes them on otherwise.
 *
 * @param share of the activations dropped, [0, 1)
 */
public record Dropout(Parameters parameters, double share) {
    public Tensor forward(Tensor x) {
        return drops() ? torch.dropout(x, share, true) : x;
    }

    /** What is dropped now. */
    double now() {
        return drops() ? share : 0;
    }

    /** Whether it does now. */
    boolean drops() {
        return share > 0 && parameters.training();
    }
}
