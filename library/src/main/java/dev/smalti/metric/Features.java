package dev.smalti.metric;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** What all features must be. */
final class Features {
    private Features() {}

    /** @throws IllegalArgumentException if the shape isn't [N, D], there are fewer than {@code least}, or one isn't finite */
    static void check(String name, Tensor features, long least) {
        Dims.check(name, features, Dims.ANY, Dims.ANY);
        if (features.size(0) < least) {
            throw new IllegalArgumentException(
                    "%s must be of at least %d images, got %d; add images".formatted(name, least, features.size(0)));
        }
        finite(name, features);
    }

    /** The same for two sets whose features must be of one kind. */
    static void check(Tensor real, Tensor fake, long least) {
        check("real features", real, least);
        check("fake features", fake, least);
        alike(real.size(1), fake.size(1));
    }

    static void alike(long real, long fake) {
        if (real != fake) {
            throw new IllegalArgumentException(
                    "real and fake features must have one dimension, got %d and %d; take both from one network"
                            .formatted(real, fake));
        }
    }

    static void finite(String name, Tensor values) {
        long wrong = Scope.value(
                () -> values.numel() - torch.isfinite(values).count_nonzero().item_long());
        if (wrong > 0) {
            throw new IllegalArgumentException(
                    "%s must be finite, got %d of %d that are not; look for broken images, or for a network in half precision"
                            .formatted(name, wrong, values.numel()));
        }
    }
}
