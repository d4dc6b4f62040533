package dev.smalti;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** VQGAN and absorbing diffusion. */
class KnownTilesTest extends KnownTilesContract {
    @Test
    void images_of_a_tiles_world_come_back_with_their_distribution() {
        assertThat(distance("vqgan", 1, "absorbing")).as("total variation").isLessThan(0.2);
    }
}
