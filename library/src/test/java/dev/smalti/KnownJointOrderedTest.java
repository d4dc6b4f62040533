package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The autoregressive prior recovers a known joint, and knows its likelihood exactly. */
class KnownJointOrderedTest extends KnownJointContract {
    @Test
    void recovers_the_joint() {
        Path run = train("autoregressive");
        assertThat(distance(run)).as("total variation").isLessThan(0.12);
        assertThat(conditionalDistance(run, BELOW))
                .as("lower row given the upper")
                .isLessThan(0.15);
        checkLikelihood(run, 0.03);
    }
}
