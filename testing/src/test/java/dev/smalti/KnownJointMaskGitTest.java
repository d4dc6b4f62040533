package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.testing.JointExperiment;
import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/**
 * MaskGIT recovers a known joint unless it decodes by confidence: by confidence it is biased by design; in an order that
 * minds no confidence, one token at a time, it is not.
 */
@Tag("learning")
class KnownJointMaskGitTest extends KnownJointContract {
    private static final String HALTON = "prior.sampling={order: halton, steps: 4}";
    private static final String RANDOM = "prior.sampling={order: random, steps: 4}";

    @Override
    protected Path recipe() {
        return Toy.recipe("maskgit");
    }

    @Override
    protected double mostDistance() {
        return 0.12;
    }

    @Override
    protected void check(JointExperiment experiment, Path run) {
        double halton = distance(experiment, run, HALTON);
        double random = distance(experiment, run, RANDOM);
        assertThat(halton).as("total variation in the order of Halton").isLessThan(mostDistance());
        assertThat(random).as("total variation in random order").isLessThan(mostDistance());
        checkConditional(experiment, run, ACROSS, HALTON);
        assertThat(distance(experiment, run))
                .as("total variation by confidence")
                .isGreaterThan(halton);
        checkLikelihood(experiment, run);
    }
}
