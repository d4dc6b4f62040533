package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Structural similarity of pairs of images, 1 for equal ones and at least -1. Wang et al. 2004, "Image Quality
 * Assessment: From Error Visibility to Structural Similarity", equation 13 with its constants: a Gaussian window of
 * 11×11 pixels and σ = 1.5, K₁ = 0.01, K₂ = 0.03; the mean over all places where the window is inside, and over
 * channels.
 */
public final class StructuralSimilarity {
    private static final int WINDOW = 11;
    private static final double SIGMA = 1.5;

    private StructuralSimilarity() {}

    /**
     * The similarity of each pair. Images of 8 bits have a {@code range} of 255, of [-1, 1] one of 2; a range above the
     * true one makes all images look alike. [B, C, H, W], [B, C, H, W] -> [B]
     *
     * @throws IllegalArgumentException if shapes differ, images are smaller than 11×11, a value isn't finite or values
     *     span
     *     more than {@code range}
     */
    public static double[] of(Tensor images, Tensor others, double range) {
        ImagePairs.check(images, others, range);
        if (Math.min(images.size(2), images.size(3)) < WINDOW) {
            throw new IllegalArgumentException(
                    Phrase.of("images must be at least 11x11 pixels for the window, got %dx%d; enlarge them")
                            .with(images.size(3), images.size(2)));
        }
        return Scope.value(() -> Tensors.toDoubles(similarity(images.to(Double), others.to(Double), range)));
    }

    /** [B, C, H, W], [B, C, H, W] -> [B] */
    private static Tensor similarity(Tensor x, Tensor y, double range) {
        Scalar c1 = new Scalar(Math.pow(0.01 * range, 2));
        Scalar c2 = new Scalar(Math.pow(0.03 * range, 2));
        Tensor meanX = blur(x);
        Tensor meanY = blur(y);
        Tensor squares = meanX.square().add(meanY.square());
        Tensor product = meanX.mul(meanY);
        Tensor variances = blur(x.square().add(y.square())).sub(squares);
        Tensor covariance = blur(x.mul(y)).sub(product);
        Scalar two = new Scalar(2.0);
        Tensor above = product.mul(two).add(c1).mul(covariance.mul(two).add(c2));
        Tensor below = squares.add(c1).mul(variances.add(c2));
        return above.div(below).mean(1, 2, 3);
    }

    /** The weighted mean in every window. [B, C, H, W] -> [B, C, H - 10, W - 10] */
    private static Tensor blur(Tensor images) {
        double[] weights = new double[WINDOW];
        for (int i = 0; i < WINDOW; i++) {
            weights[i] = Math.exp(-Math.pow(i - WINDOW / 2, 2) / (2 * SIGMA * SIGMA));
        }
        Tensor window = Tensors.doubles(weights).to(images.device(), Double);
        Tensor share = window.div(window.sum());
        Tensor planes = images.reshape(-1, 1, images.size(2), images.size(3));
        Tensor down = torch.conv2d(planes, share.view(1, 1, WINDOW, 1));
        Tensor blurred = torch.conv2d(down, share.view(1, 1, 1, WINDOW));
        return blurred.view(images.size(0), images.size(1), blurred.size(2), blurred.size(3));
    }
}
