package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** x + conv(swish(norm(conv(swish(norm(x)))))). [B, in, H, W] -> [B, out, H, W]. */
final class ResidualBlock {
    private final GroupNorm norm1;
    private final Convolution conv1;
    private final GroupNorm norm2;
    private final Convolution conv2;
    private final Convolution shortcut;

    ResidualBlock(Parameters parameters, long in, long out) {
        norm1 = new GroupNorm(parameters.child("norm1"), in);
        conv1 = new Convolution(parameters.child("conv1"), in, out, 3, 1, 1);
        norm2 = new GroupNorm(parameters.child("norm2"), out);
        conv2 = new Convolution(parameters.child("conv2"), out, out, 3, 1, 1);
        shortcut = in == out ? null : new Convolution(parameters.child("nin_shortcut"), in, out, 1, 1, 0);
    }

    Tensor forward(Tensor x) {
        Tensor h = conv1.forward(torch.silu(norm1.forward(x)));
        h = conv2.forward(torch.silu(norm2.forward(h)));
        return (shortcut == null ? x : shortcut.forward(x)).add(h);
    }
}
