package dev.smalti.recipe;

import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.util.Objects;

/**
 * The recipe of {@code train-tokenizer}.
 *
 * @param seed from which all randomness grows; 0 if left out
 */
public record TokenizerRecipe(
        Long seed, DataRecipe data, TokenizerConfiguration tokenizer, TrainingConfiguration training) {
    public TokenizerRecipe {
        seed = seed == null ? 0 : seed;
        data = data == null ? new DataRecipe(null, null, null) : data;
        Objects.requireNonNull(tokenizer, "tokenizer");
        Objects.requireNonNull(training, "training");
    }
}
