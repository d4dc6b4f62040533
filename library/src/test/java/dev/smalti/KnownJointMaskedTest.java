package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The priors that reveal masked tokens recover a known joint. */
class KnownJointMaskedTest extends KnownJointContract {
    @ParameterizedTest
    @ValueSource(strings = {"absorbing", "sedd-absorb", "sedd-absorb-2d"})
    void recovers_the_joint(String name) {
        Path run = train(name);
        assertThat(distance(run)).as("total variation of " + name).isLessThan(0.12);
        checkLikelihood(run, 0.03);
    }

    /** By confidence it is biased by design; in an order that minds no confidence, one token at a time, it is not. */
    @Test
    void maskgit_recovers_the_joint_unless_it_decodes_by_confidence() {
        Path run = train("maskgit");
        double halton = distance(run, "prior.sampling={order: halton, steps: 4}");
        double random = distance(run, "prior.sampling={order: random, steps: 4}");
        assertThat(halton).as("total variation in the order of Halton").isLessThan(0.12);
        assertThat(random).as("total variation in random order").isLessThan(0.12);
        assertThat(distance(run)).as("total variation by confidence").isGreaterThan(halton);
        checkLikelihood(run, 0.03);
    }
}
