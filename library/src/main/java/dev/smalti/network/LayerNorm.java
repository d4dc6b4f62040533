package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Layer normalisation over the last dimension, eps 1e-5. [..., D] -> the same. */
public final class LayerNorm {
    private final Tensor weight;
    private final Tensor bias;
    private final long[] shape;

    public LayerNorm(Parameters parameters, long width) {
        this.weight = parameters.constant("weight", 1, width);
        this.bias = parameters.constant("bias", 0, width);
        this.shape = new long[] {width};
    }

    Tensor weight() {
        return weight;
    }

    Tensor bias() {
        return bias;
    }

    public Tensor forward(Tensor x) {
        return normalise(x, shape, weight, bias);
    }

    /** The same without gains and biases. */
    public static Tensor normalise(Tensor x, long width) {
        return normalise(x, new long[] {width}, null, null);
    }

    private static Tensor normalise(Tensor x, long[] shape, Tensor weight, Tensor bias) {
        return torch.layer_norm(x, shape, Tensors.optional(weight), Tensors.optional(bias), 1e-5, false);
    }
}
