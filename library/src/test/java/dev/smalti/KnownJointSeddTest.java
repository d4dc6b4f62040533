package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** SEDD with a mask recovers a known joint. */
class KnownJointSeddTest extends KnownJointContract {
    @ParameterizedTest
    @ValueSource(strings = {"sedd-absorb", "sedd-absorb-2d"})
    void recovers_the_joint(String name) {
        Path run = train(name);
        assertThat(distance(run)).as("total variation of " + name).isLessThan(0.12);
        checkLikelihood(run, 0.03);
    }
}
