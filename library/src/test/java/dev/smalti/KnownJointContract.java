package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.job.TrainPrior;
import dev.smalti.model.Model;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;

/**
 * Trains toy recipes on a joint that is known exactly, through the jobs that users call, and measures how far what they draw
 * is from it.
 */
abstract class KnownJointContract {
    private static final Path RECIPES = Path.of("..", "recipes", "toy");
    private static final int DRAWN = 20_000;
    private static final int AT_ONCE = 2000;

    /** The cells of the lower row. */
    static final boolean[] BELOW = {false, false, true, true};

    /** A cell of each row. */
    static final boolean[] ACROSS = {true, false, false, true};

    @TempDir
    Path folder;

    private final KnownJoint joint = new KnownJoint();

    /** Trains {@code recipes/toy/name.yaml}, with changes. */
    final Path train(String name, String... overrides) {
        Path run = folder.resolve(name);
        new TrainPrior(RECIPES.resolve(name + ".yaml"), List.of(overrides), tokens(), run, false, null)
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
    final double distance(Path run, String... overrides) {
        try (Model model = Model.open(run.toString(), "cpu", List.of(overrides))) {
            double distance = joint.totalVariation(0, counts(model, 0, null));
            System.out.printf(
                    "total variation of %s %s, seed 5: %.3f%n",
                    run.getFileName(), String.join(" ", overrides), distance);
            return distance;
        }
    }

    /** How often each state is drawn. @param known null for none */
    private static long[] counts(Model model, int label, Known known) {
        long[] counts = new long[KnownJoint.STATES];
        long[] labels = new long[DRAWN];
        Arrays.fill(labels, label);
        for (int from = 0; from < DRAWN; from += AT_ONCE) {
            int begin = from;
            long[] codes = Scope.value(() -> Tensors.toLongs(
                    model.codes(new Model.Batch(labels, begin, AT_ONCE, 5, Sampling.USUAL, known), StepWatcher.NONE)));
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
    final double conditionalDistance(Path run, boolean[] open, String... overrides) {
        try (Model model = Model.open(run.toString(), "cpu", List.of(overrides))) {
            Random random = new Random(6);
            List<long[]> given = new ArrayList<>();
            for (int i = 0; i < DRAWN; i++) {
                given.add(IntStream.of(KnownJoint.cells(joint.draw(0, random)))
                        .asLongStream()
                        .toArray());
            }
            double distance = joint.totalVariation(0, counts(model, 0, new Known(2, 2, open, given)));
            System.out.printf(
                    "total variation of %s %s with %s drawn given the rest: %.3f%n",
                    run.getFileName(), String.join(" ", overrides), Arrays.toString(open), distance);
            return distance;
        }
    }

    /**
     * The likelihood of all grids must be the entropy, or lie above it by no more than {@code gap} bits per token where it is a
     * bound; either way but for the chance of the estimate.
     */
    final void checkLikelihood(Path run, double gap) {
        try (Model model = Model.open(run.toString(), "cpu")) {
            MeasureLikelihood.Result result =
                    new MeasureLikelihood(tokens(), null, 1, 0, false).run(model, total -> {}, done -> {});
            MeasureLikelihood.Estimate bits = result.bitsPerToken();
            System.out.printf(
                    "bits per token of %s: %.4f ± %.4f, truth %.4f%n",
                    run.getFileName(), bits.mean(), bits.interval(), joint.bitsPerToken());
            assertThat(bits.mean())
                    .as("bits per token, entropy %.4f", joint.bitsPerToken())
                    .isBetween(joint.bitsPerToken() - bits.interval(), joint.bitsPerToken() + gap + bits.interval());
        }
    }
}
