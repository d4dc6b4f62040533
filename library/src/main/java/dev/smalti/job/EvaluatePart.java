package dev.smalti.job;

import dev.smalti.evaluate.Evaluation;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import java.nio.file.Path;

/**
 * Keeps the features of a part of both sets of an evaluation, which {@link EvaluateImages} then joins.
 *
 * @param part which, of how many
 * @param folder that all parts share
 */
public record EvaluatePart(EvaluationRequest request, Part part, Path folder) {
    /** @param observer told of the images of each set */
    public Evaluation.Kept run(Observer observer) {
        Outputs.makeFolder("--out", folder);
        return Evaluation.part(request, part, folder, observer);
    }

    /** {@link #run(Observer)} with features that are open already, and stay so. @param open those that the request names */
    public Evaluation.Kept run(ImageFeatures open, Observer observer) {
        Outputs.makeFolder("--out", folder);
        return Evaluation.part(request, part, folder, open, observer);
    }
}
