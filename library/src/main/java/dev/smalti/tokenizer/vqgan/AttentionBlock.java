package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.network.Work;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Self-attention of one head over the positions of a map, with a residual. [B, C, h, w] -> the same. */
final class AttentionBlock {
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
        long channels = x.size(1);
        Tensor normed = norm.forward(x);
        Tensor q = query.forward(normed).flatten(2, 3); // [B, C, L]
        Tensor k = key.forward(normed).flatten(2, 3);
        Tensor v = value.forward(normed).flatten(2, 3);
        Work.add(4 * q.numel() * q.size(2));
        Tensor scores = torch.bmm(q.transpose(1, 2), k).mul(new Scalar(1 / Math.sqrt(channels))); // [B, L, L]
        Tensor mixed = torch.bmm(v, torch.softmax(scores, -1).transpose(1, 2)); // [B, C, L]
        return x.add(out.forward(mixed.view_as(x)));
    }
}
