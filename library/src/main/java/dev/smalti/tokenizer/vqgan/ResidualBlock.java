package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tokenizer.vqgan.VqganLayers.Shortcut;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** x + conv(swish(norm(conv(swish(norm(x)))))). [B, in, H, W] -> [B, out, H, W]. */
final class ResidualBlock {
    private final GroupNorm norm1;
    private final Convolution conv1;
    private final GroupNorm norm2;
    private final Convolution conv2;
    private final Convolution shortcut; // null where nothing has to change
    private final boolean ofOutput;

    ResidualBlock(Parameters parameters, long in, long out, VqganLayers layers) {
        boolean biases = layers.biases();
        ofOutput = layers.shortcut() == Shortcut.OUTPUT;
        norm1 = new GroupNorm(parameters.child("norm1"), in);
        conv1 = new Convolution(parameters.child("conv1"), in, out, 3, 1, 1, biases);
        norm2 = new GroupNorm(parameters.child("norm2"), out);
        conv2 = new Convolution(parameters.child("conv2"), out, out, 3, 1, 1, biases);
        shortcut = in == out
                ? null
                : new Convolution(parameters.child("nin_shortcut"), ofOutput ? out : in, out, 1, 1, 0, biases);
    }

    Tensor forward(Tensor x) {
        Tensor h = conv1.forward(torch.silu(norm1.forward(x)));
        h = conv2.forward(torch.silu(norm2.forward(h)));
        return (shortcut == null ? x : shortcut.forward(ofOutput ? h : x)).add(h);
    }
}
