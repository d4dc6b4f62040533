package dev.smalti.metric;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import java.util.function.ObjLongConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What all features must be, and a part of them at a time. */
final class Features {
    private static final long BLOCK = 1024;

    private Features() {}

    /**
     * @throws IllegalArgumentException if the shape isn't [N, D], there are fewer than {@code least}, or one isn't
     *     finite
     */
    static void check(String name, Tensor features, long least) {
        Dims.check(name, features, Dims.ANY, Dims.ANY);
        if (features.size(0) < least) {
            throw new IllegalArgumentException(Phrase.of("%s must be of at least %d images, got %d; add images")
                    .with(name, least, features.size(0)));
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
            throw new IllegalArgumentException(Phrase.of(
                            "real and fake features must have one dimension, got %d and %d; take both from one network")
                    .with(real, fake));
        }
    }

    static void finite(String name, Tensor values) {
        long[] wrong = {0};
        blocks(
                values,
                (block, start) ->
                        wrong[0] += torch.isfinite(block).logical_not().sum().item_long());
        if (wrong[0] > 0) {
            throw new IllegalArgumentException(Phrase.of("%s must be finite, got %d of %d that are not; "
                            + "look for broken images, or for a network in half precision")
                    .with(name, wrong[0], values.numel()));
        }
    }

    /** Gives {@code body} the number of the first row of every block, and the block in float64. [N, ...] -> [n, ...] */
    static void blocks(Tensor features, ObjLongConsumer<Tensor> body) {
        for (long start = 0; start < features.size(0); start += BLOCK) {
            long from = start;
            Stopping.check();
            Scope.free(() -> {
                long n = Math.min(BLOCK, features.size(0) - from);
                body.accept(features.detach().narrow(0, from, n).to(ScalarType.Double), from);
            });
        }
    }
}
