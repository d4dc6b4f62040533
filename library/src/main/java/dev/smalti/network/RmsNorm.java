package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Root mean square normalisation over the last dimension, eps 1e-5: x / √(mean x² + eps), times a weight. [..., D] -> the
 * same. Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4.
 */
public final class RmsNorm {
    private static final double EPSILON = 1e-5;

    private final Tensor weight;
    private final Tensor bias;

    /** @param bias whether a learnt vector is added */
    public RmsNorm(Parameters parameters, long width, boolean bias) {
        this.weight = parameters.constant("weight", 1, width);
        this.bias = bias ? parameters.constant("bias", 0, width) : null;
    }

    public Tensor forward(Tensor x) {
        Tensor normed = normalise(x, weight);
        return bias == null ? normed : normed.add(bias);
    }

    /** The same without weights. */
    public static Tensor normalise(Tensor x) {
        return normalise(x, null);
    }

    private static Tensor normalise(Tensor x, Tensor weight) {
        return torch.rms_norm(x, new long[] {x.size(-1)}, Tensors.optional(weight), new DoubleOptional(EPSILON));
    }
}
