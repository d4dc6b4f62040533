package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The priors that replace tokens, and the autoregressive one, recover a known joint. */
class KnownJointReplacedTest extends KnownJointContract {
    @ParameterizedTest
    @CsvSource({"autoregressive, 0.12", "d3pm-uniform, 0.16", "vqdiffusion, 0.16", "sedd-uniform, 0.16"})
    void recovers_the_joint(String name, double limit) {
        Path run = train(name);
        assertThat(distance(run)).as("total variation of " + name).isLessThan(limit);
        checkLikelihood(run, 0.03);
    }
}
