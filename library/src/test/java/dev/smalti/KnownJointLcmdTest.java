package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** VQ-LCMD, with evidence and cross-entropy, comes near to a known joint. */
class KnownJointLcmdTest extends KnownJointContract {
    @Test
    void comes_near_to_the_joint() {
        Path run = train("lcmd");
        assertThat(distance(run)).as("total variation").isLessThan(0.25);
        checkLikelihood(run, 0.2);
    }
}
