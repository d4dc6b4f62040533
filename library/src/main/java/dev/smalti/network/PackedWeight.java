package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A linear layer's weight in the type of products, bfloat16 or float16: converted once, not at every call, on a CPU laid out as
 * oneDNN multiplies fastest, and made anew when the weight has changed. Without gradients.
 */
final class PackedWeight {
    private final Tensor weight; // [out, in]
    private final Tensor bias; // [out] or null
    private volatile Packed packed;

    private record Packed(long version, ScalarType type, Tensor weight, Tensor bias, TensorOptional optional) {}

    PackedWeight(Parameters parameters, Tensor weight, Tensor bias) {
        this.weight = weight;
        this.bias = bias;
        parameters.whenClosed(this::release);
    }

    /** x Wᵀ + b. [..., in] of any type -> [..., out] of {@code type} */
    Tensor product(Tensor x, ScalarType type) {
        Packed now = current(x.numel() / weight.size(1), type);
        Tensor narrow = x.to(type);
        return laysOut(type)
                ? OneDnn.linear(narrow, now.weight(), now.bias())
                : torch.linear(narrow, now.weight(), now.optional());
    }

    private Packed current(long rows, ScalarType type) {
        Packed now = packed;
        return fresh(now, type) ? now : pack(rows, type);
    }

    private boolean fresh(Packed now, ScalarType type) {
        return now != null && now.version() == version() && now.type() == type;
    }

    /** A bias is changed with its weight. */
    private long version() {
        return weight._version();
    }

    private synchronized Packed pack(long rows, ScalarType type) {
        if (!fresh(packed, type)) {
            release();
            Scope.free(() -> {
                Tensor own = bias == null ? null : Scope.hold(bias.detach().to(type));
                packed = new Packed(
                        version(),
                        type,
                        Scope.hold(laidOut(weight.detach().to(type), rows, type)),
                        own,
                        Scope.hold(Tensors.optional(own)));
            });
        }
        return packed;
    }

    private Tensor laidOut(Tensor narrow, long rows, ScalarType type) {
        return laysOut(type) ? OneDnn.laidOut(narrow, rows) : narrow;
    }

    private boolean laysOut(ScalarType type) {
        return weight.is_cpu() && type == ScalarType.BFloat16 && Precision.cpuTakesBf16() && OneDnn.present();
    }

    private synchronized void release() {
        if (packed != null) {
            Scope.release(packed.weight());
            Scope.release(packed.optional());
            if (packed.bias() != null) {
                Scope.release(packed.bias());
            }
            packed = null;
        }
    }
}
