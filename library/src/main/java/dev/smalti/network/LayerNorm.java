package dev.smalti.network;

import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** Layer normalisation over the last dimension, eps 1e-5 unless another is given. [..., D] -> the same. */
public final class LayerNorm {
    static final double EPSILON = 1e-5;

    private final Tensor weight;
    private final Tensor bias;
    private final long[] shape;
    private final double epsilon;
    private final TensorOptional gains; // as libtorch's function takes them, made once
    private final TensorOptional biases;

    public LayerNorm(Parameters parameters, long width) {
        this(parameters, width, EPSILON);
    }

    /** @param epsilon what is added to the variance */
    LayerNorm(Parameters parameters, long width, double epsilon) {
        this.weight = parameters.constant("weight", 1, width);
        this.bias = parameters.constant("bias", 0, width);
        this.shape = new long[] {width};
        this.epsilon = epsilon;
        this.gains = Scope.hold(new TensorOptional(weight));
        this.biases = Scope.hold(new TensorOptional(bias));
        parameters.whenClosed(() -> {
            Scope.release(gains);
            Scope.release(biases);
        });
    }

    Tensor weight() {
        return weight;
    }

    Tensor bias() {
        return bias;
    }

    public Tensor forward(Tensor x) {
        return torch.layer_norm(x, shape, gains, biases, epsilon, false);
    }

    /** The same without gains and biases. */
    public static Tensor normalise(Tensor x, long width) {
        return torch.layer_norm(x, new long[] {width}, new TensorOptional(), new TensorOptional(), EPSILON, false);
    }
}
