package dev.smalti.testing;

import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.evaluate.Likelihood;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.job.TrainPrior;
import dev.smalti.model.GridBatch;
import dev.smalti.model.Model;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * Trains recipes on a joint that is known exactly, through the jobs that users call, and measures how far what they draw
 * is from it.
 */
public final class JointExperiment {
    private static final int DRAWN = 20_000;
    private static final int AT_ONCE = 2000;

    private final Path folder;
    private final KnownJoint joint = new KnownJoint();

    /** @param folder where its tokens and run folders go */
    public JointExperiment(Path folder) {
        this.folder = folder;
    }

    /** What is to be learnt. */
    public KnownJoint joint() {
        return joint;
    }

    /** Trains a prior's recipe, with changes, to a run folder of the recipe's name. */
    public Path train(Path recipe, String... overrides) {
        return distil(recipe, null, overrides);
    }

    /** The same of a student. @param teacher run folder; null for none */
    public Path distil(Path recipe, Path teacher, String... overrides) {
        Path run = folder.resolve(recipe.getFileName().toString().replace(".yaml", ""));
        String from = teacher == null ? null : teacher.toString();
        new TrainPrior(recipe, List.of(overrides), TrainPrior.Data.tokens(tokens(), null), run, false, from)
                .run(List.of(), () -> false);
        return run;
    }

    private Path tokens() {
        Path tokens = folder.resolve("tokens.safetensors");
        if (!tokens.toFile().exists()) {
            joint.write(tokens, 50_000, 1);
        }
        return tokens;
    }

    /** The total variation of 20,000 grids of the first class, seed 5. */
    public double distance(Path run, String... overrides) {
        try (Model model = Model.open(run.toString(), "cpu", List.of(overrides))) {
            return joint.totalVariation(0, counts(model, 0, Sampling.USUAL, null));
        }
    }

    /** The same of grids that are drawn otherwise. */
    public double distance(Path run, Sampling sampling) {
        try (Model model = Model.open(run.toString(), "cpu")) {
            return joint.totalVariation(0, counts(model, 0, sampling, null));
        }
    }

    /** How often each state is drawn. @param known null for none */
    private static long[] counts(Model model, int label, Sampling sampling, Known known) {
        long[] counts = new long[KnownJoint.STATES];
        long[] labels = new long[DRAWN];
        Arrays.fill(labels, label);
        for (int from = 0; from < DRAWN; from += AT_ONCE) {
            int begin = from;
            long[] codes = Scope.value(() -> Tensors.toLongs(
                    model.codes(new GridBatch(labels, begin, AT_ONCE, 5, sampling, known), StepWatcher.NONE)));
            for (int i = 0; i < codes.length; i += KnownJoint.CELLS) {
                counts[KnownJoint.state(codes[i], codes[i + 1], codes[i + 2], codes[i + 3])]++;
            }
        }
        return counts;
    }

    /**
     * The same where two cells are known and the others drawn: the known ones are those of grids drawn from the truth, so that
     * what comes of it should be distributed as the truth is.
     *
     * @param open whether each cell is drawn
     */
    public double conditionalDistance(Path run, boolean[] open, String... overrides) {
        try (Model model = Model.open(run.toString(), "cpu", List.of(overrides))) {
            Random random = new Random(6);
            List<long[]> given = new ArrayList<>();
            for (int i = 0; i < DRAWN; i++) {
                given.add(IntStream.of(KnownJoint.cells(joint.draw(0, random)))
                        .asLongStream()
                        .toArray());
            }
            return joint.totalVariation(0, counts(model, 0, Sampling.USUAL, new Known(2, 2, open, given)));
        }
    }

    /** What a token costs in all the grids that it learnt from, in bits, with the interval of the estimate. */
    public Likelihood.Estimate bitsPerToken(Path run) {
        try (Model model = Model.open(run.toString(), "cpu")) {
            return new MeasureLikelihood(tokens(), null, 1, 0, false, 0)
                    .run(model, Observer.NONE)
                    .bitsPerToken();
        }
    }
}
