package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A linear layer's weight in bfloat16: converted once, not at every call, on a CPU laid out as oneDNN multiplies fastest, and made
 * anew when the weight has changed. Without gradients.
 */
final class PackedWeight {
    private final Tensor weight; // [out, in]
    private final Tensor bias; // [out] or null
    private volatile Packed packed;

    private record Packed(long version, Tensor weight, Tensor bias, TensorOptional optional) {}

    PackedWeight(Parameters parameters, Tensor weight, Tensor bias) {
        this.weight = weight;
        this.bias = bias;
        parameters.whenClosed(this::release);
    }

    /** x Wᵀ + b. [..., in] of any type -> bfloat16 [..., out] */
    Tensor product(Tensor x) {
        Packed now = current(x.numel() / weight.size(1));
        Tensor narrow = x.to(ScalarType.BFloat16);
        return laysOut()
                ? OneDnn.linear(narrow, now.weight(), now.bias())
                : torch.linear(narrow, now.weight(), now.optional());
    }

    private Packed current(long rows) {
        Packed now = packed;
        return now != null && now.version() == version() ? now : pack(rows);
    }

    /** A bias is changed with its weight. */
    private long version() {
        return weight._version();
    }

    private synchronized Packed pack(long rows) {
        if (packed == null || packed.version() != version()) {
            release();
            Scope.free(() -> {
                Tensor own = bias == null ? null : Scope.hold(bias.detach().to(ScalarType.BFloat16));
                packed = new Packed(
                        version(),
                        Scope.hold(laidOut(weight.detach().to(ScalarType.BFloat16), rows)),
                        own,
                        Scope.hold(Tensors.optional(own)));
            });
        }
        return packed;
    }

    private Tensor laidOut(Tensor narrow, long rows) {
        return laysOut() ? OneDnn.laidOut(narrow, rows) : narrow;
    }

    private boolean laysOut() {
        return weight.is_cpu() && Precision.cpuTakesBf16() && OneDnn.present();
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
