package dev.smalti.exchange.onnx;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** softmax(q kᵀ / √d) v, as {@link dev.smalti.network our networks} have it. Letters: H heads, d channels of a head, D = H · d. */
final class OnnxAttention {
    private final long heads;
    private final long channels;

    OnnxAttention(long heads, long channels) {
        this.heads = heads;
        this.channels = channels;
    }

    /** [B, L, n·D] -> n times [B, H, L, d] */
    OnnxValue[] split(OnnxValue x, int parts) {
        OnnxValue all = x.reshape(0, 0, parts, heads, channels).permute(2, 0, 3, 1, 4);
        OnnxValue[] each = new OnnxValue[parts];
        for (int i = 0; i < parts; i++) {
            each[i] = all.select(0, i);
        }
        return each;
    }

    /** [B, H, L, d] three times -> [B, L, D] */
    OnnxValue mix(OnnxValue q, OnnxValue k, OnnxValue v) {
        return joined(scores(q, k), v);
    }

    /** The same where each place sees only itself and those before it. */
    OnnxValue mixCausally(OnnxValue q, OnnxValue k, OnnxValue v, long length) {
        OnnxValue past = q.graph().constant("past", () -> Tensors.zeros(length, length)
                .masked_fill(
                        Tensors.ones(length, length).triu(1).to(ScalarType.Bool),
                        new Scalar(Double.NEGATIVE_INFINITY)));
        return joined(scores(q, k).plus(past), v);
    }

    private OnnxValue scores(OnnxValue q, OnnxValue k) {
        return q.times(1 / Math.sqrt(channels)).matmul(k.permute(0, 1, 3, 2)); // [B, H, L, L]
    }

    private OnnxValue joined(OnnxValue scores, OnnxValue v) {
        return scores.softmax().matmul(v).permute(0, 2, 1, 3).reshape(0, 0, heads * channels);
    }
}
