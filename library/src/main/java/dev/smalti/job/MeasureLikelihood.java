package dev.smalti.job;

import dev.smalti.data.ImageSet;
import dev.smalti.data.Subset;
import dev.smalti.evaluate.Likelihood;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.token.TokenFile;
import java.nio.file.Path;

/**
 * How likely a model finds a file of tokens or a set of images, as {@link Likelihood} has it.
 *
 * @param tokens token file or a folder of them, or null
 * @param data images, or null; one of both
 * @param repeats estimates of each grid that are averaged; at least 1
 * @param seed of the estimates
 * @param grids how many are measured, evenly spread over all; 0 for all
 * @param inSteps whether to measure the bound of T steps too, where the method has both
 */
public record MeasureLikelihood(
        Path tokens, Path data, int repeats, long seed, boolean skipBad, int grids, boolean inSteps) {
    public MeasureLikelihood {
        if ((tokens == null) == (data == null)) {
            throw new JobException("likelihood needs either --tokens or --data");
        }
        if (repeats < 1) {
            throw new JobException("repeats must be at least 1, got " + repeats);
        }
        if (grids < 0) {
            throw new JobException("grids must be at least 1, or 0 for all, got " + grids);
        }
    }

    /** One bound: that of continuous time where the method has both. */
    public MeasureLikelihood(Path tokens, Path data, int repeats, long seed, boolean skipBad, int grids) {
        this(tokens, data, repeats, seed, skipBad, grids, false);
    }

    /** @param observer told of the grids measured so far */
    public Likelihood.Result run(Model model, Observer observer) {
        Likelihood likelihood = new Likelihood(model, repeats, seed, inSteps);
        if (tokens != null) {
            try (TokenFile file = TokenFile.read(tokens)) {
                model.requireOwn(file, tokens);
                long count = grids == 0 ? file.size() : Math.min(grids, file.size());
                return likelihood.ofTokens(file, count, observer.counting(Phase.of("measuring", "grids", count)));
            }
        }
        try (ImageSet all = ImageSet.open(data)) {
            ImageSet images = grids == 0 ? all : Subset.spread(all, grids);
            return likelihood.ofImages(
                    images, skipBad, observer.counting(Phase.of("measuring", "images", images.size())));
        }
    }
}
