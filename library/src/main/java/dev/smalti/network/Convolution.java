package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A two-dimensional convolution with a square kernel. [B, in, H, W] -> [B, out, H', W']. */
public final class Convolution {
    private final Tensor weight;
    private final Tensor bias;
    private final long[] stride;
    private final long[] padding;

    /** PyTorch's default initial values: U(±1/√fan_in) for weights and bias. */
    public Convolution(Parameters parameters, long in, long out, long kernel, long stride, long padding) {
        double bound = 1 / Math.sqrt((double) in * kernel * kernel);
        this.weight = parameters.uniform("weight", bound, out, in, kernel, kernel);
        this.bias = parameters.uniform("bias", bound, out);
        this.stride = new long[] {stride, stride};
        this.padding = new long[] {padding, padding};
    }

    /** N(0, deviation²) weights and, if wanted, a zero bias. */
    public Convolution(
            Parameters parameters,
            long in,
            long out,
            long kernel,
            long stride,
            long padding,
            double deviation,
            boolean bias) {
        this.weight = parameters.normal("weight", deviation, out, in, kernel, kernel);
        this.bias = bias ? parameters.constant("bias", 0, out) : null;
        this.stride = new long[] {stride, stride};
        this.padding = new long[] {padding, padding};
    }

    public Tensor forward(Tensor x) {
        Tensor y = torch.conv2d(x, weight, Tensors.optional(bias), stride, padding, new long[] {1, 1}, 1);
        Work.add(2 * weight.numel() * y.numel() / y.size(1));
        return y;
    }

    public Tensor weight() {
        return weight;
    }

    /** Null without. */
    public Tensor bias() {
        return bias;
    }
}
