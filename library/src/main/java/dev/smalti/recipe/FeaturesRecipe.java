package dev.smalti.recipe;

import dev.smalti.metric.classifier.Classifier;
import dev.smalti.metric.classifier.ClassifierConfiguration;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.TrainingConfiguration;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.bytedeco.pytorch.Device;

/**
 * The recipe of {@code train-features}.
 *
 * @param seed seed from which all randomness grows; any; 0 if left out
 * @param data how training images are prepared; its own defaults if left out
 * @param classifier what is trained
 * @param training how it is trained
 */
public record FeaturesRecipe(
        Long seed, DataRecipe data, ClassifierConfiguration classifier, TrainingConfiguration training) {
    public FeaturesRecipe {
        seed = seed == null ? 0 : seed;
        data = data == null ? new DataRecipe(null, null, null) : data;
        Objects.requireNonNull(classifier, "classifier");
        Objects.requireNonNull(training, "training");
        if (training.recompute()) {
            throw new IllegalArgumentException(
                    "training.recompute is for transformers, and a classifier has none, got true: leave it"
                            + " out, and take training.accumulation to need less memory");
        }
    }

    /**
     * The trained classifier of a run folder, with its averaged weights, which don't learn any more.
     *
     * @throws RecipeException if the folder is none of {@code train-features}, or has no checkpoint yet
     */
    public static Classifier open(Path run, Device device) {
        FeaturesRecipe recipe = RecipeFile.read(run.resolve("recipe.yaml"), FeaturesRecipe.class, List.of());
        Path checkpoint = Checkpoints.latest(run)
                .orElseThrow(
                        () -> new RecipeException(run + " has no checkpoint yet: train it further, with --resume"));
        return Classifier.open(recipe.classifier(), Checkpoints.weights(checkpoint), device);
    }
}
