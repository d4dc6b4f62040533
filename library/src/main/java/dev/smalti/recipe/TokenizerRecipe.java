package dev.smalti.recipe;

import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.util.Objects;

/**
 * The recipe of {@code train-tokenizer}.
 *
 * @param seed seed from which all randomness grows; any; 0 if left out
 * @param data how training images are prepared; its own defaults if left out
 * @param tokenizer what is trained
 * @param training how it is trained
 */
public record TokenizerRecipe(
        Long seed, DataRecipe data, TokenizerConfiguration tokenizer, TrainingConfiguration training) {
    public TokenizerRecipe {
        seed = seed == null ? 0 : seed;
        data = data == null ? new DataRecipe(null, null, null) : data;
        Objects.requireNonNull(tokenizer, "tokenizer");
        Objects.requireNonNull(training, "training");
        if (training.recompute()) {
            throw new IllegalArgumentException(
                    "training.recompute is for transformers, and a tokenizer has none, got true: leave it"
                            + " out, and take training.accumulation to need less memory");
        }
    }
}
