package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The priors that replace tokens, in discrete time, recover a known joint. */
class KnownJointReplacedTest extends KnownJointContract {
    @Test
    void d3pm_with_uniform_transitions_recovers_the_joint() {
        check("d3pm-uniform");
    }

    @Test
    void vqdiffusion_recovers_the_joint() {
        check("vqdiffusion");
    }

    private void check(String name) {
        Path run = train(name);
        assertThat(distance(run)).as("total variation of " + name).isLessThan(0.16);
        checkLikelihood(run, 0.03);
    }
}
