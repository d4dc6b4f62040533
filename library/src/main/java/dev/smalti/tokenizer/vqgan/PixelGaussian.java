package dev.smalti.tokenizer.vqgan;

import dev.smalti.network.Convolution;
import dev.smalti.network.Parameters;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A Gaussian of every pixel: the decoder's image as its mean, and its deviation from the decoder's features by two
 * convolutions. Bond-Taylor et al. 2022, section 4.1.1, fit it to a trained model; its layers are those
 * of the released code.
 */
final class PixelGaussian {
    private final Convolution first;
    private final Convolution second;
    private final int patch;

    PixelGaussian(Parameters parameters, long channels, int patch) {
        first = new Convolution(parameters.child(0), channels, channels, 3, 1, 1);
        second = new Convolution(parameters.child(2), channels, 3L * patch * patch, 1, 1, 0);
        this.patch = patch;
    }

    /** [B, C, H/patch, W/patch] -> ln σ, [B, 3, H, W] */
    Tensor logDeviation(Tensor features) {
        Tensor x = second.forward(torch.relu(first.forward(features)));
        return patch == 1 ? x : torch.pixel_shuffle(x, patch);
    }

    /** Σ ½((x - μ)/σ)² + ln σ + ½ ln 2π. [B, 3, H, W] each -> [B] */
    static Tensor nats(Tensor images, Tensor mean, Tensor logDeviation) {
        Tensor scaled = images.sub(mean).mul(logDeviation.neg().exp());
        return scaled.pow(new Scalar(2))
                .mul(new Scalar(0.5))
                .add(logDeviation)
                .add(new Scalar(0.5 * Math.log(2 * Math.PI)))
                .sum(1, 2, 3);
    }
}
