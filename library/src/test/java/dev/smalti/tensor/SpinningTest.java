package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class SpinningTest {
    @Test
    void idle_pools_and_the_one_that_computes_have_more_threads_than_there_are_cores() {
        for (int cores = 1; cores <= 130; cores++) {
            for (int threads = 2; threads <= 130; threads++) {
                int pools = Spinning.pools(threads, cores);
                assertThat(threads + pools * (threads - 1))
                        .as("%d threads a pool on %d cores", threads, cores)
                        .isGreaterThan(cores);
            }
        }
        assertThat(Spinning.pools(16, 16)).isEqualTo(1);
    }

    @Test
    void is_left_alone_where_somebody_has_chosen() {
        assertThat(Spinning.allow(Map.of("OMP_WAIT_POLICY", "passive", "GOMP_SPINCOUNT", "0")))
                .isFalse();
        assertThat(Spinning.allow(Map.of("OMP_WAIT_POLICY", "active"))).isFalse();
        assertThat(Spinning.allow(Map.of())).isFalse();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void comes_too_late_once_libgomp_is_loaded() {
        Native.load();
        assertThat(Spinning.allow(Map.of("OMP_WAIT_POLICY", "passive"))).isFalse();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void what_threads_wait_for_cores_grows() {
        long before = RunDelay.nanoseconds().orElseThrow();
        assertThat(before).isPositive();
        assertThat(RunDelay.known()).isTrue();
    }
}
