package dev.smalti.metric;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;

/** What images must be that are compared one by one. */
final class ImagePairs {
    private ImagePairs() {}

    /**
     * @throws IllegalArgumentException if shapes aren't one [B, C, H, W], a value isn't finite, or values span more
     *     than {@code range}
     */
    static void check(Tensor images, Tensor others, double range) {
        Dims.check("images", images, Dims.ANY, Dims.ANY, Dims.ANY, Dims.ANY);
        if (images.numel() == 0) {
            throw new IllegalArgumentException(
                    "images must not be empty, got " + Dims.text(Dims.of(images)) + "; add images");
        }
        if (!Arrays.equals(Dims.of(images), Dims.of(others))) {
            throw new IllegalArgumentException(
                    Phrase.of("both images of a pair must have one shape, got %s and %s; resize one")
                            .with(Dims.text(Dims.of(images)), Dims.text(Dims.of(others))));
        }
        Features.finite("images", images);
        Features.finite("images", others);
        double least = Scope.value(() ->
                Math.min(images.min().item().toDouble(), others.min().item().toDouble()));
        double most = Scope.value(() ->
                Math.max(images.max().item().toDouble(), others.max().item().toDouble()));
        if (!(most - least <= range)) {
            throw new IllegalArgumentException(
                    Phrase.of("values of images must span at most their range of %g, got %g to %g; "
                                    + "give the true range or clamp the values")
                            .with(range, least, most));
        }
    }
}
