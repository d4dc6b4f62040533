package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class CrowdingTest {
    private static final long PERIOD = 200_000_000;

    @Test
    void a_process_that_has_its_cores_to_itself_is_not_crowded() {
        assertThat(after(0.02, 0.1, 0.03, 0.18, 0.02)).containsOnly(false);
    }

    @Test
    void a_busy_neighbour_is_noticed_within_two_periods() {
        assertThat(after(0.02, 0.9, 0.9)).containsExactly(false, true, true);
        assertThat(after(0.02, 0.3, 0.3, 0.3)).containsExactly(false, false, true, true);
    }

    @Test
    void the_cores_are_free_again_once_they_have_been_so_for_a_while() {
        List<Double> shares = new ArrayList<>(List.of(0.9, 0.9));
        shares.addAll(Collections.nCopies(3, 0.0));
        assertThat(after(shares)).as("while the mean falls").containsOnly(true);
        shares.addAll(Collections.nCopies(4, 0.0));
        assertThat(after(shares)).endsWith(false);
        shares.set(shares.size() - 2, 0.5);
        assertThat(after(shares)).endsWith(true);
    }

    @Test
    void a_thread_that_ends_takes_what_it_waited_along_and_does_no_harm() {
        assertThat(after(0.02, -5.0, 0.02, 0.02)).containsOnly(false);
    }

    private static List<Boolean> after(Double... shares) {
        return after(List.of(shares));
    }

    private static List<Boolean> after(List<Double> shares) {
        long waited = 7_000_000;
        long at = -3;
        Crowding crowding = new Crowding(waited, at);
        List<Boolean> crowded = new ArrayList<>();
        for (double share : shares) {
            waited += (long) (share * PERIOD);
            at += PERIOD;
            crowded.add(crowding.after(waited, at));
        }
        return crowded;
    }
}
