package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.network.Work;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** Self-attention of one head over the positions of a map, with a residual. [B, C, h, w] -> the same. */
final class AttentionBlock {
    private static final long MOST = 1 << 24; // 64 MiB of scores

    private final GroupNorm norm;
    private final Convolution query;
    private final Convolution key;
    private final Convolution value;
    private final Convolution out;

    AttentionBlock(Parameters parameters, long channels) {
        norm = new GroupNorm(parameters.child("norm"), channels);
        query = new Convolution(parameters.child("q"), channels, channels, 1, 1, 0);
        key = new Convolution(parameters.child("k"), channels, channels, 1, 1, 0);
        value = new Convolution(parameters.child("v"), channels, channels, 1, 1, 0);
        out = new Convolution(parameters.child("proj_out"), channels, channels, 1, 1, 0);
    }

    Tensor forward(Tensor x) {
        Tensor normed = norm.forward(x);
        TensorVector parts = Convolution.together(normed, query, key, value);
        Tensor q = parts.get(0).flatten(2, 3); // [B, C, L]
        Tensor k = parts.get(1).flatten(2, 3);
        Tensor v = parts.get(2).flatten(2, 3);
        Work.add(4 * q.numel() * q.size(2));
        return x.add(out.forward(mixed(q, k, v, MOST).view_as(x)));
    }

    /**
     * v softmax(qᵀk/√C)ᵀ, for some queries after the other where there would be more than {@code most} scores at once. [B,
     * C, L] three times -> [B, C, L]
     */
    static Tensor mixed(Tensor q, Tensor k, Tensor v, long most) {
        long length = q.size(2);
        long together = Math.max(1, most / (q.size(0) * length));
        List<Tensor> parts = new ArrayList<>();
        for (long from = 0; from < length; from += together) {
            Tensor some = q.narrow(2, from, Math.min(together, length - from)); // [B, C, L']
            parts.add(Scope.keep(() -> {
                Tensor scores =
                        torch.bmm(some.transpose(1, 2), k).mul(new Scalar(1 / Math.sqrt(q.size(1)))); // [B, L', L]
                return torch.bmm(v, torch.softmax(scores, -1).transpose(1, 2)); // [B, C, L']
            }));
        }
        return parts.size() == 1 ? parts.get(0) : Tensors.cat(2, parts.toArray(Tensor[]::new));
    }
}
