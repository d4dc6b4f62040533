package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestTest {
    private static final List<String> KNOWN =
            List.of("steps", "batch_size", "learning_rate", "autoregressive", "seed", "k");

    @ParameterizedTest
    @CsvSource({
        "bach_size, batch_size",
        "batchSize, batch_size",
        "BATCH-SIZE, batch_size",
        "stpes, steps",
        "step, steps",
        "sede, seed",
        "learning_rat, learning_rate",
        "lerning_rat, learning_rate",
        "auto, autoregressive",
        "K, k"
    })
    void guesses_what_was_meant(String given, String meant) {
        assertThat(Nearest.name(given, KNOWN)).hasValue(meant);
    }

    @ParameterizedTest
    @CsvSource({"banana", "x", "''", "l", "rate", "xtxpx"})
    void does_not_guess_when_nothing_is_near(String given) {
        assertThat(Nearest.name(given, KNOWN)).isEmpty();
    }

    @Test
    void prefers_the_nearest() {
        assertThat(Nearest.name("layer", List.of("player", "layers", "layer_"))).hasValue("layer_");
    }

    @Test
    void knows_nothing_among_no_names() {
        assertThat(Nearest.name("steps", List.of())).isEmpty();
    }
}
