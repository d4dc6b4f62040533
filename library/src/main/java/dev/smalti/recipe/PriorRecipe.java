package dev.smalti.recipe;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.DistillationConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.util.Objects;

/**
 * The recipe of {@code train-prior}.
 *
 * @param seed seed from which all randomness grows; any; 0 if left out
 * @param heldOut share of the grids, or of the images, that is not trained on but measured, never more than 1,000; [0, 0.5]; 0.02 if left
 *     out
 * @param data how images are prepared where no token file is trained on but images themselves; as in the tokenizer's training
 *     if left out
 * @param prior what is trained
 * @param training how it is trained
 * @param distillation how it learns of a teacher, {@code train-prior --teacher}, to draw in few steps; none if left out
 */
public record PriorRecipe(
        Long seed,
        Double heldOut,
        ImageRecipe data,
        PriorConfiguration prior,
        TrainingConfiguration training,
        DistillationConfiguration distillation) {
    private static final double USUAL = 0.02;

    public PriorRecipe {
        seed = seed == null ? 0 : seed;
        heldOut = heldOut == null ? USUAL : heldOut;
        if (!(heldOut >= 0 && heldOut <= 0.5)) {
            throw new IllegalArgumentException("held_out must be in [0, 0.5], got " + heldOut);
        }
        Objects.requireNonNull(prior, "prior");
        Objects.requireNonNull(training, "training");
    }

    /**
     * The same where what is measured comes from elsewhere.
     *
     * @throws IllegalArgumentException if a share was asked for that is not the usual one
     */
    public PriorRecipe withoutShare() {
        if (heldOut != 0 && heldOut != USUAL) {
            throw new IllegalArgumentException(
                    "held_out must be 0 or left out where there are held-out tokens, got " + heldOut);
        }
        return new PriorRecipe(seed, 0.0, data, prior, training, distillation);
    }

    /** The same with images that are prepared so. */
    public PriorRecipe with(ImageRecipe data) {
        return new PriorRecipe(seed, heldOut, data, prior, training, distillation);
    }
}
