package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RehearsalTest {
    @ParameterizedTest(name = "{0} s an item, {1} of {2}, room for {3}")
    @CsvSource({
        "0.01, 16, 16, 1e9, 16", // all of a batch
        "0.01, 8, 32, 1e9, 8", // all of a part of it
        "1.0, 64, 64, 1e9, 8", // a minute would pass: so many as take ten seconds
        "1.0, 20, 640, 1e9, 8", // many parts count together
        "0.01, 64, 64, 63, 32", // there is no memory for 64
        "0.01, 64, 64, 0.5, 1",
        "100, 64, 64, 1e9, 1"
    })
    void takes_a_whole_part_of_a_batch_or_as_many_items_as_time_and_memory_allow(
            double seconds, int part, int batch, double fitting, int items) {
        assertThat(Rehearsal.items(seconds, part, batch, fitting)).isEqualTo(items);
    }
}
