package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.BatchNorm;
import dev.smalti.network.Convolution;
import dev.smalti.network.Parameters;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Tells real patches from made ones: positive logits for real. [B, 3, H, W] -> [B, 1, h', w']. Isola et al. 2017,
 * arXiv:1611.07004. Weights start from N(0, 0.02²).
 */
final class PatchDiscriminator {
    private final List<UnaryOperator<Tensor>> layers = new ArrayList<>();

    /** @param channels of the first layer; doubled by each of {@code depth} further ones, up to eightfold */
    PatchDiscriminator(Parameters parameters, long channels, int depth) {
        Parameters main = parameters.child("main");
        int index = 0;
        layers.add(new Convolution(main.child(index), 3, channels, 4, 2, 1, 0.02, true)::forward);
        layers.add(PatchDiscriminator::leaky);
        index += 2;
        long in = channels;
        for (int i = 1; i <= depth; i++) {
            long out = channels * Math.min(1L << i, 8);
            layers.add(new Convolution(main.child(index), in, out, 4, i < depth ? 2 : 1, 1, 0.02, false)::forward);
            layers.add(new BatchNorm(main.child(index + 1), out, 0.02)::forward);
            layers.add(PatchDiscriminator::leaky);
            index += 3;
            in = out;
        }
        layers.add(new Convolution(main.child(index), in, 1, 4, 1, 1, 0.02, true)::forward);
    }

    Tensor forward(Tensor images) {
        Tensor x = images;
        for (UnaryOperator<Tensor> layer : layers) {
            x = layer.apply(x);
        }
        return x;
    }

    private static Tensor leaky(Tensor x) {
        return torch.leaky_relu(x, new Scalar(0.2));
    }
}
