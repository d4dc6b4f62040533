package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** y = x Wᵀ + b. [..., in] -> [..., out]. */
public final class Linear {
    private static final long LARGE = 1 << 26; // operations

    private final Tensor weight;
    private final Tensor bias;
    private final PackedWeight packed;
    private final Device device;
    private final boolean exact;

    /** N(0, deviation²) weights and zero bias, as GPT-2. */
    public Linear(Parameters parameters, long in, long out, boolean bias, double deviation) {
        this(parameters, in, out, bias, deviation, false);
    }

    private Linear(Parameters parameters, long in, long out, boolean bias, double deviation, boolean exact) {
        this.exact = exact;
        this.weight = parameters.normal("weight", deviation, out, in);
        this.bias = bias ? parameters.constant("bias", 0, out) : null;
        this.device = parameters.device();
        this.packed = new PackedWeight(parameters, weight, this.bias);
    }

    /** A layer with the deviation of PyTorch's initial weights, 1/√(3 in), and zero bias. */
    static Linear asPyTorch(Parameters parameters, long in, long out, boolean bias) {
        return new Linear(parameters, in, out, bias, 1 / Math.sqrt(3.0 * in));
    }

    Tensor weight() {
        return weight;
    }

    Tensor bias() {
        return bias;
    }

    /** The last layer of a network of this shape: in float32 where it wants {@linkplain NetworkShape#exact exact} logits. */
    static Linear head(Parameters parameters, long in, NetworkShape shape, boolean bias, double deviation) {
        return new Linear(parameters, in, shape.outputs(), bias, deviation, shape.exact());
    }

    public Tensor forward(Tensor x) {
        if (exact) {
            return exact(x, weight, bias);
        }
        ScalarType type = Precision.products(device);
        if (type != ScalarType.Float && !GradMode.is_enabled()) {
            Work.add(2 * x.numel() * weight.size(0));
            return packed.product(x, type);
        }
        return product(x, weight, bias);
    }

    /** The rows {@code from} (inclusive) to {@code to} (exclusive) of the output alone. [..., in] -> [..., to - from]. */
    public Tensor forward(Tensor x, long from, long to) {
        Tensor part = bias == null ? null : bias.narrow(0, from, to - from);
        return product(x, weight.narrow(0, from, to - from), part);
    }

    /**
     * x Wᵀ + b in float32, whatever the products around it are in; its gradients too.
     *
     * @param x of any floating type, [..., in]
     * @return float32 [..., out]
     */
    static Tensor exact(Tensor x, Tensor weight, Tensor bias) {
        return Precision.exact(x.device(), () -> product(x.to(ScalarType.Float), weight, bias));
    }

    /** x Wᵀ + b, counted as {@link Work}. x [..., in], weight [out, in], bias [out] or null -> [..., out] */
    static Tensor product(Tensor x, Tensor weight, Tensor bias) {
        long operations = 2 * x.numel() * weight.size(0);
        Work.add(operations);
        if (operations < LARGE
                || !x.is_cpu()
                || x.scalar_type().intern() != ScalarType.Float
                || Precision.products(weight.device()) != ScalarType.Float
                || !OneDnn.present()) {
            return torch.linear(x, weight, Tensors.optional(bias));
        }
        return GradMode.is_enabled() ? convolution(x, weight, bias) : OneDnn.linear(x, weight, bias);
    }

    /**
     * The same as a convolution of one pixel, of views alone: oneDNN computes it and its gradients in float32 with all of OpenMP's
     * threads.
     */
    private static Tensor convolution(Tensor x, Tensor weight, Tensor bias) {
        long in = x.size(-1);
        long out = weight.size(0);
        Tensor pixels = x.reshape(1, -1, 1, in).permute(0, 3, 1, 2); // [1, in, M, 1]
        Tensor y = torch.conv2d(
                pixels,
                weight.reshape(out, in, 1, 1),
                Tensors.optional(bias),
                new long[] {1, 1},
                new long[] {0, 0},
                new long[] {1, 1},
                1); // [1, out, M, 1]
        long[] shape = x.shape();
        shape[shape.length - 1] = out;
        return y.permute(0, 2, 3, 1).reshape(shape);
    }
}
