package dev.smalti.recipe;

import dev.smalti.metric.classifier.ClassifierConfiguration;
import dev.smalti.train.TrainingConfiguration;
import java.util.Objects;

/**
 * The recipe of {@code train-features}.
 *
 * @param seed from which all randomness grows; 0 if left out
 */
public record FeaturesRecipe(
        Long seed, DataRecipe data, ClassifierConfiguration classifier, TrainingConfiguration training) {
    public FeaturesRecipe {
        seed = seed == null ? 0 : seed;
        data = data == null ? new DataRecipe(null, null, null) : data;
        Objects.requireNonNull(classifier, "classifier");
        Objects.requireNonNull(training, "training");
    }
}
