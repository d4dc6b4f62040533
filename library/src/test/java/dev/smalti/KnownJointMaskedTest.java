package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The priors that guess masked tokens in an order of their own recover a known joint. */
class KnownJointMaskedTest extends KnownJointContract {
    @Test
    void absorbing_diffusion_recovers_the_joint() {
        Path run = train("absorbing");
        assertThat(distance(run)).as("total variation").isLessThan(0.12);
        assertThat(conditionalDistance(run, BELOW))
                .as("lower row given the upper")
                .isLessThan(0.15);
        assertThat(conditionalDistance(run, ACROSS))
                .as("diagonal given the other")
                .isLessThan(0.15);
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
        assertThat(conditionalDistance(run, ACROSS, "prior.sampling={order: halton, steps: 4}"))
                .as("diagonal given the other")
                .isLessThan(0.15);
        assertThat(distance(run)).as("total variation by confidence").isGreaterThan(halton);
        checkLikelihood(run, 0.03);
    }
}
