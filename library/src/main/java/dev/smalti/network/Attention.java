package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** softmax(q kᵀ / √d) v. Vaswani et al. 2017, arXiv:1706.03762, eq. 1. [B, H, M, d], [B, H, L, d] twice -> [B, H, M, d] */
final class Attention {
    private Attention() {}

    /** [B, L, n·D] -> [n, B, H, L, d] */
    static Tensor split(Tensor x, long parts, long heads) {
        return x.view(x.size(0), x.size(1), parts, heads, x.size(2) / parts / heads)
                .permute(2, 0, 3, 1, 4);
    }

    /** [B, H, L, d] -> [B, L, D] */
    static Tensor join(Tensor x) {
        return x.transpose(1, 2).flatten(2, 3);
    }

    /** Queries, keys and values of the same positions. [B, L, 3·D] -> [B, L, D] */
    static Tensor self(Tensor qkv, long heads, boolean causal) {
        return self(qkv, heads, causal, 0);
    }

    /** @param dropout share of the weights that is dropped */
    static Tensor self(Tensor qkv, long heads, boolean causal, double dropout) {
        Tensor all = split(qkv, 3, heads);
        return join(mix(all.select(0, 0), all.select(0, 1), all.select(0, 2), causal, dropout));
    }

    /** @param causal whether the i-th query sees only the first i keys; M must be L then */
    static Tensor mix(Tensor q, Tensor k, Tensor v, boolean causal) {
        return mix(q, k, v, causal, 0);
    }

    /** @param dropout share of the weights that is dropped */
    static Tensor mix(Tensor q, Tensor k, Tensor v, double dropout) {
        return mix(q, k, v, false, dropout);
    }

    private static Tensor mix(Tensor q, Tensor k, Tensor v, boolean causal, double dropout) {
        Work.add(work(q, k.size(-2), causal));
        if (fused(q, v)) {
            return torch.scaled_dot_product_attention(
                    q, k, v, Tensors.optional(null), dropout, causal, new DoubleOptional(), false);
        }
        Tensor scores = torch.matmul(q.mul(new Scalar(1 / Math.sqrt(q.size(-1)))), k.transpose(-2, -1)); // [B, H, M, L]
        Tensor weights = torch.softmax(causal ? past(scores) : scores, -1);
        return torch.matmul(dropout > 0 ? torch.dropout(weights, dropout, true) : weights, v);
    }

    /**
     * Whether the fused kernel is the faster one: it is but in bfloat16 on a CPU, where it needs AMX, and its gradients take longer
     * all the same. By the values, since queries and keys that were turned are float32 and autocast brings them back.
     */
    private static boolean fused(Tensor q, Tensor v) {
        return q.is_cuda()
                || v.scalar_type().intern() == ScalarType.Float
                || Precision.cpuHasTiles() && !GradMode.is_enabled();
    }

    /** Operations of {@code keys} keys seen by each query. */
    static long work(Tensor q, long keys, boolean causal) {
        return causal ? 2 * q.numel() * (keys + 1) : 4 * q.numel() * keys;
    }

    /** Scores of which the i-th query sees only the first i. [..., M, L] -> the same */
    static Tensor past(Tensor scores) {
        Tensor later = Tensors.ones(scores.size(-2), scores.size(-1)).triu(1).to(scores.device(), ScalarType.Bool);
        return scores.masked_fill(later, new Scalar(Double.NEGATIVE_INFINITY));
    }
}
