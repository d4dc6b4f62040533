package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.evaluate.Likelihood;
import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * That a prior recovers a joint which is known exactly, trained, drawn from and measured through the jobs that users call.
 * What a recipe needs for it takes a minute or more, so give such a test a tag of its own.
 */
public abstract class KnownJointContract {
    /** The cells of the lower row. */
    protected static final boolean[] BELOW = {false, false, true, true};

    /** A cell of each row. */
    protected static final boolean[] ACROSS = {true, false, false, true};

    @TempDir
    Path folder;

    /** The prior's, which is trained as it is. */
    protected abstract Path recipe();

    /** The total variation to the truth that it must stay below: that of independent cells is 0.68, of perfect draws 0.06. */
    protected abstract double mostDistance();

    /** Which cells it must draw rightly where the others are known; each must come within 0.15. */
    protected List<boolean[]> drawnGivenTheRest() {
        return List.of();
    }

    /** Bits per token that its bound on the likelihood may lie above the entropy. */
    protected double mostAboveTheEntropy() {
        return 0.03;
    }

    @Test
    void recovers_a_joint_that_is_known() {
        JointExperiment experiment = new JointExperiment(folder);
        check(experiment, experiment.train(recipe()));
    }

    /** Checks what was learnt: the joint, the conditional distributions, the likelihood. */
    protected void check(JointExperiment experiment, Path run) {
        assertThat(distance(experiment, run)).as("total variation").isLessThan(mostDistance());
        for (boolean[] open : drawnGivenTheRest()) {
            checkConditional(experiment, run, open);
        }
        checkLikelihood(experiment, run);
    }

    /** The total variation, which it prints. */
    protected static double distance(JointExperiment experiment, Path run, String... overrides) {
        double distance = experiment.distance(run, overrides);
        System.out.printf(Locale.ROOT, "total variation of %s: %.3f%n", name(run, overrides), distance);
        return distance;
    }

    /** What is drawn where the rest is known must be distributed as the truth is. */
    protected static void checkConditional(JointExperiment experiment, Path run, boolean[] open, String... overrides) {
        double distance = experiment.conditionalDistance(run, open, overrides);
        String what = Phrase.of("total variation of %s with %s drawn given the rest")
                .with(name(run, overrides), Arrays.toString(open));
        System.out.printf(Locale.ROOT, "%s: %.3f%n", what, distance);
        assertThat(distance).as(what).isLessThan(0.15);
    }

    /** The likelihood must be the entropy or the bound that is allowed above it, but for the chance of the estimate. */
    protected final void checkLikelihood(JointExperiment experiment, Path run) {
        double truth = experiment.joint().bitsPerToken();
        Likelihood.Estimate bits = experiment.bitsPerToken(run);
        System.out.printf(
                Locale.ROOT,
                "bits per token of %s: %.4f ± %.4f, truth %.4f%n",
                name(run),
                bits.mean(),
                bits.interval(),
                truth);
        assertThat(bits.mean())
                .as("bits per token, entropy %.4f", truth)
                .isBetween(truth - bits.interval(), truth + mostAboveTheEntropy() + bits.interval());
    }

    private static String name(Path run, String... overrides) {
        return (run.getFileName() + " " + String.join(" ", overrides)).strip();
    }
}
