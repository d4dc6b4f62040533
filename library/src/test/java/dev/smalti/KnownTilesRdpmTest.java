package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** RDPM's tokenizer and prior. */
class KnownTilesRdpmTest extends KnownTilesContract {
    @Test
    void images_of_a_tiles_world_come_back_with_their_distribution() {
        assertThat(distance("rdpm-tokenizer", 4, "rdpm")).as("total variation").isLessThan(0.25);
    }
}
