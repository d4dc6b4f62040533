package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** SEDD recovers a known joint. */
class KnownJointSeddTest extends KnownJointContract {
    @ParameterizedTest
    @CsvSource({"sedd-absorb, 0.12", "sedd-absorb-2d, 0.12", "sedd-uniform, 0.16"})
    void recovers_the_joint(String name, double most) {
        Path run = train(name);
        assertThat(distance(run)).as("total variation of " + name).isLessThan(most);
        if (name.startsWith("sedd-absorb")) {
            assertThat(conditionalDistance(run, ACROSS))
                    .as("diagonal given the other")
                    .isLessThan(0.15);
        }
        checkLikelihood(run, 0.03);
    }
}
