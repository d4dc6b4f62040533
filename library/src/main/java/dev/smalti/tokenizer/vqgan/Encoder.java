package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Scope;
import dev.smalti.tokenizer.vqgan.VqganLayers.Halving;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Images to a map of vectors. [B, 3, H, W] -> [B, z, h, w]. Esser et al. 2021, appendix B. */
final class Encoder {
    private final List<UnaryOperator<Tensor>> layers = new ArrayList<>();

    Encoder(Parameters parameters, VqganConfiguration configuration) {
        List<Integer> multipliers = configuration.multipliers();
        VqganLayers kinds = configuration.layers();
        int patch = configuration.patch();
        long channels = configuration.channels();
        int resolution = configuration.size() / patch;
        if (patch > 1) {
            layers.add(x -> torch.pixel_unshuffle(x, patch));
        }
        Parameters first = parameters.child("conv_in");
        layers.add(new Convolution(first, 3L * patch * patch, channels, 3, 1, 1, kinds.biases())::forward);
        for (int level = 0; level < multipliers.size(); level++) {
            Parameters part = parameters.child("down").child(level);
            long out = (long) configuration.channels() * multipliers.get(level);
            for (int i = 0; i < configuration.resBlocks(); i++) {
                layers.add(new ResidualBlock(part.child("block").child(i), channels, out, kinds)::forward);
                channels = out;
                if (configuration.attention().contains(resolution)) {
                    layers.add(new AttentionBlock(part.child("attn").child(i), channels)::forward);
                }
            }
            if (level < multipliers.size() - 1) {
                layers.add(halve(part, channels, kinds.halving()));
                resolution /= 2;
            }
        }
        Parameters middle = parameters.child("mid");
        layers.add(new ResidualBlock(middle.child("block_1"), channels, channels, kinds)::forward);
        if (kinds.middleAttention()) {
            layers.add(new AttentionBlock(middle.child("attn_1"), channels)::forward);
        }
        layers.add(new ResidualBlock(middle.child("block_2"), channels, channels, kinds)::forward);
        layers.add(new GroupNorm(parameters.child("norm_out"), channels)::forward);
        if (configuration.outputSwish()) {
            layers.add(torch::silu);
        }
        int kernel = kinds.pointwiseLast() ? 1 : 3;
        Parameters last = parameters.child("conv_out");
        layers.add(new Convolution(last, channels, configuration.latent(), kernel, 1, kernel / 2)::forward);
    }

    /** [B, C, H, W] -> [B, C, H/2, W/2] */
    private static UnaryOperator<Tensor> halve(Parameters level, long channels, Halving halving) {
        if (halving == Halving.AVERAGE_POOL) {
            return x -> torch.avg_pool2d(x, 2, 2);
        }
        Convolution conv = new Convolution(level.child("downsample").child("conv"), channels, channels, 3, 2, 0);
        return x -> conv.forward(torch.pad(x, 0, 1, 0, 1)); // right and bottom only
    }

    Tensor forward(Tensor images) {
        return forward(images, layers.size());
    }

    /** After so many layers; what each but the last has made is freed, so that large images fit. */
    private Tensor forward(Tensor images, int depth) {
        return depth == 0 ? images : Scope.keep(() -> layers.get(depth - 1).apply(forward(images, depth - 1)));
    }
}
