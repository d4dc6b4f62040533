package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A two-dimensional convolution with a square kernel. [B, in, H, W] -> [B, out, H', W']. */
public final class Convolution {
    private final Tensor weight;
    private final Tensor bias;
    private final long[] stride;
    private final long[] padding;
    private final boolean pointwise;

    /** PyTorch's default initial values: U(±1/√fan_in) for weights and bias. */
    public Convolution(Parameters parameters, long in, long out, long kernel, long stride, long padding) {
        this(parameters, in, out, kernel, stride, padding, true);
    }

    /** The same, with a bias if wanted. */
    public Convolution(Parameters parameters, long in, long out, long kernel, long stride, long padding, boolean bias) {
        double bound = 1 / Math.sqrt((double) in * kernel * kernel);
        this.weight = parameters.uniform("weight", bound, out, in, kernel, kernel);
        this.bias = bias ? parameters.uniform("bias", bound, out) : null;
        this.stride = new long[] {stride, stride};
        this.padding = new long[] {padding, padding};
        this.pointwise = kernel == 1 && stride == 1 && padding == 0;
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
        this.pointwise = kernel == 1 && stride == 1 && padding == 0;
    }

    /**
     * What several convolutions of one kind, with biases, make of the same map, computed as one. [B, in, H, W] -> each
     * [B, out, H', W']
     */
    public static TensorVector together(Tensor x, Convolution... convolutions) {
        Convolution first = convolutions[0];
        Tensor[] weights = Arrays.stream(convolutions).map(Convolution::weight).toArray(Tensor[]::new);
        Tensor[] biases = Arrays.stream(convolutions).map(Convolution::bias).toArray(Tensor[]::new);
        Tensor y = first.forward(x, Tensors.cat(0, weights), Tensors.cat(0, biases));
        return torch.chunk(y, convolutions.length, 1);
    }

    public Tensor forward(Tensor x) {
        return forward(x, weight, bias);
    }

    private Tensor forward(Tensor x, Tensor weight, Tensor bias) {
        Tensor y = pointwise && fasterAsProduct(x, weight)
                ? product(x, weight, bias)
                : torch.conv2d(x, weight, Tensors.optional(bias), stride, padding, new long[] {1, 1}, 1);
        Work.add(2 * weight.numel() * y.numel() / y.size(1));
        return y;
    }

    /**
     * In bfloat16 on a CPU, where oneDNN computes convolutions with channels last and libtorch copies its results back to
     * channels first slowly: a product needs neither. Not on maps of fewer places than channels, where copies of the weight for
     * each image are larger than the maps.
     */
    private static boolean fasterAsProduct(Tensor x, Tensor weight) {
        return !x.is_cuda()
                && Precision.products(x.device()) == ScalarType.BFloat16
                && x.size(2) * x.size(3) >= Math.max(weight.size(0), weight.size(1));
    }

    /** W x + b at each place. [B, in, H, W] -> [B, out, H, W] */
    private static Tensor product(Tensor x, Tensor weight, Tensor bias) {
        long batch = x.size(0);
        long out = weight.size(0);
        long in = weight.size(1);
        Tensor rows = weight.view(1, out, in).to(ScalarType.BFloat16).expand(batch, out, in);
        Tensor places = x.to(ScalarType.BFloat16).flatten(2, 3); // [B, in, H·W]
        Tensor y = bias == null
                ? torch.bmm(rows, places)
                : torch.baddbmm(bias.to(ScalarType.BFloat16).view(1, out, 1), rows, places);
        return y.view(batch, out, x.size(2), x.size(3));
    }

    public Tensor weight() {
        return weight;
    }

    /** Null without. */
    public Tensor bias() {
        return bias;
    }
}
