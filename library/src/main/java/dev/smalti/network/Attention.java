package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Scaled dot-product attention, by whichever way is the faster. Letters: H heads, d channels of a head. */
final class Attention {
    private Attention() {}

    /**
     * softmax(q kᵀ / √d) v. [B, H, *, d], [B, H, L, d], [B, H, L, d] -> [B, H, *, d]
     *
     * @param causal whether a position sees only itself and those before it
     */
    static Tensor attend(Tensor q, Tensor k, Tensor v, boolean causal) {
        // the fused kernel is the faster one, but in bfloat16 on a CPU
        if (q.is_cuda() || q.scalar_type().intern() == ScalarType.Float) {
            return torch.scaled_dot_product_attention(
                    q, k, v, new TensorOptional(), 0, causal, new DoubleOptional(), false);
        }
        Tensor scores = torch.matmul(q.mul(new Scalar(1 / Math.sqrt(q.size(-1)))), k.transpose(-2, -1)); // [B, H, *, L]
        if (causal) {
            Tensor later = Tensors.ones(q.size(-2), k.size(-2)).triu(1).to(q.device(), ScalarType.Bool);
            scores = scores.masked_fill(later, new Scalar(Double.NEGATIVE_INFINITY));
        }
        return torch.matmul(torch.softmax(scores, -1), v);
    }
}
