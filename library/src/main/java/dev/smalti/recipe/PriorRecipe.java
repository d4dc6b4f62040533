package dev.smalti.recipe;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.util.Objects;

/**
 * The recipe of {@code train-prior}.
 *
 * @param seed seed from which all randomness grows; any; 0 if left out
 * @param heldOut share of the grids that is not trained on but measured, never more than 1,000 grids; [0, 0.5]; 0.02 if left
 *     out
 * @param prior what is trained
 * @param training how it is trained
 */
public record PriorRecipe(Long seed, Double heldOut, PriorConfiguration prior, TrainingConfiguration training) {
    public PriorRecipe {
        seed = seed == null ? 0 : seed;
        heldOut = heldOut == null ? 0.02 : heldOut;
        if (!(heldOut >= 0 && heldOut <= 0.5)) {
            throw new IllegalArgumentException("held_out must be in [0, 0.5], got " + heldOut);
        }
        Objects.requireNonNull(prior, "prior");
        Objects.requireNonNull(training, "training");
    }
}
