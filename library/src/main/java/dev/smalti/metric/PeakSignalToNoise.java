package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/**
 * Peak signal-to-noise ratio of pairs of images in dB, 10 log₁₀(range² / MSE), where MSE is the mean squared error over
 * pixels and channels. Equal images, whose ratio has no bound, are at 150 dB, so that a mean over images is a number.
 */
public final class PeakSignalToNoise {
    private static final double MOST = 150;

    private PeakSignalToNoise() {}

    /**
     * The ratio of each pair. Images of 8 bits have a {@code range} of 255, of [-1, 1] one of 2. Means over images are
     * means of these ratios, not the ratio of the mean error. [B, C, H, W], [B, C, H, W] -> [B]
     *
     * @throws IllegalArgumentException if shapes differ, a value isn't finite or values span more than {@code range}
     */
    public static double[] of(Tensor images, Tensor others, double range) {
        ImagePairs.check(images, others, range);
        return Scope.value(() -> {
            Tensor error = images.to(Double).sub(others.to(Double)).square(); // [B, C, H, W]
            return Arrays.stream(Tensors.toDoubles(error.mean(1, 2, 3)))
                    .map(each -> Math.min(MOST, 10 * Math.log10(range * range / each)))
                    .toArray();
        });
    }
}
