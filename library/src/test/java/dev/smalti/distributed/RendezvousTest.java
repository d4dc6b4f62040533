package dev.smalti.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RendezvousTest {
    private static final Map<String, String> TORCHRUN =
            Map.of("RANK", "3", "LOCAL_RANK", "1", "WORLD_SIZE", "4", "MASTER_ADDR", "node-0", "MASTER_PORT", "29500");

    @Test
    void is_what_torchrun_says() {
        assertThat(Rendezvous.of(TORCHRUN)).contains(new Rendezvous(3, 4, 1, "node-0", 29500, null));
    }

    @Test
    void there_is_none_for_one_process() {
        assertThat(Rendezvous.of(Map.of())).isEmpty();
        assertThat(Rendezvous.of(Map.of("WORLD_SIZE", "1"))).isEmpty();
    }

    @Test
    void others_of_this_machine_find_the_file() {
        Rendezvous first = Rendezvous.here(3, Path.of("store"));
        assertThat(Rendezvous.of(first.environment(2))).contains(new Rendezvous(2, 3, 2, null, 0, Path.of("store")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            RANK        |         | RANK is missing, and WORLD_SIZE says that several processes train together
            RANK        | 4       | RANK must be in 0..3, below WORLD_SIZE, got 4
            RANK        | first   | RANK must be a whole number, got first
            WORLD_SIZE  | 0       | WORLD_SIZE, the number of processes, must be in 1..4096, got 0
            MASTER_PORT | 99999   | MASTER_PORT must be in 1..65535, got 99999
            MASTER_ADDR |         | MASTER_ADDR must name the machine of the process of RANK 0
            """)
    void refuses_what_makes_no_sense(String name, String value, String message) {
        Map<String, String> environment = new HashMap<>(TORCHRUN);
        if (value == null) {
            environment.remove(name);
        } else {
            environment.put(name, value);
        }
        assertThatThrownBy(() -> Rendezvous.of(environment))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }
}
