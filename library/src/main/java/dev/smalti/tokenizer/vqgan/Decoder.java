package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A map of vectors to images. [B, z, h, w] -> [B, 3, H, W]. Esser et al. 2021, appendix B. */
final class Decoder {
    private final List<UnaryOperator<Tensor>> layers = new ArrayList<>();
    private final Convolution last;
    private final long channels;
    private final boolean swish;
    private final int patch;

    Decoder(Parameters parameters, VqganConfiguration configuration) {
        List<Integer> multipliers = configuration.multipliers();
        VqganLayers kinds = configuration.layers();
        swish = configuration.outputSwish();
        patch = configuration.patch();
        int levels = multipliers.size();
        int resolution = configuration.size() / configuration.factor();
        long channels = (long) configuration.channels() * multipliers.get(levels - 1);
        layers.add(new Convolution(parameters.child("conv_in"), configuration.latent(), channels, 3, 1, 1)::forward);
        Parameters middle = parameters.child("mid");
        layers.add(new ResidualBlock(middle.child("block_1"), channels, channels, kinds)::forward);
        if (kinds.middleAttention()) {
            layers.add(new AttentionBlock(middle.child("attn_1"), channels)::forward);
        }
        layers.add(new ResidualBlock(middle.child("block_2"), channels, channels, kinds)::forward);
        for (int level = levels - 1; level >= 0; level--) {
            Parameters part = parameters.child("up").child(level);
            long out = (long) configuration.channels() * multipliers.get(level);
            for (int i = 0; i < configuration.decoderBlocks(); i++) {
                layers.add(new ResidualBlock(part.child("block").child(i), channels, out, kinds)::forward);
                channels = out;
                if (configuration.attention().contains(resolution)) {
                    layers.add(new AttentionBlock(part.child("attn").child(i), channels)::forward);
                }
            }
            if (level > 0) {
                Convolution conv = new Convolution(part.child("upsample").child("conv"), channels, channels, 3, 1, 1);
                layers.add(x -> conv.forward(torch.upsample_nearest2d(x, 2 * x.size(2), 2 * x.size(3))));
                resolution *= 2;
            }
        }
        layers.add(new GroupNorm(parameters.child("norm_out"), channels)::forward);
        this.channels = channels;
        this.last = new Convolution(parameters.child("conv_out"), channels, 3L * patch * patch, 3, 1, 1);
    }

    /** What the last convolution sees. [B, z, h, w] -> [B, C, H/patch, W/patch] */
    Tensor features(Tensor z) {
        return features(z, layers.size());
    }

    /** After so many layers; what each but the last has made is freed, so that large maps fit. */
    private Tensor features(Tensor z, int depth) {
        return depth == 0 ? z : Scope.keep(() -> layers.get(depth - 1).apply(features(z, depth - 1)));
    }

    /** [B, C, H/patch, W/patch] -> [B, 3, H, W] */
    Tensor image(Tensor features) {
        Tensor x = last.forward(swish ? torch.silu(features) : features);
        return patch == 1 ? x : torch.pixel_shuffle(x, patch);
    }

    /** C */
    long channels() {
        return channels;
    }

    /** The weight on which the adversarial term is balanced. */
    Tensor lastWeight() {
        return last.weight();
    }
}
