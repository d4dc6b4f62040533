package dev.smalti.corruption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class ScheduleTest {
    /** cos((t/T + 0.008)/1.008 · π/2) for T = 4, by hand. */
    @Test
    void follows_a_cosine_that_is_not_squared() {
        double[] cosine = {0.99992229, 0.92026112, 0.70268546, 0.37980216};
        double[] kept = kept(Schedule.cosine(4));
        for (int t = 0; t < 4; t++) {
            assertThat(kept[t]).isCloseTo(cosine[t] / cosine[0], within(1e-7));
        }
        assertThat(kept[4]).as("no step keeps less").isCloseTo(0.001 * kept[3], within(1e-12));
    }

    @Test
    void replaces_from_2_to_100_percent_a_step() {
        double[] kept = kept(Schedule.linear(3));
        assertThat(kept).containsExactly(new double[] {1, 0.98, 0.98 * 0.49, 0}, within(1e-12));
        assertThat(kept(Schedule.linear(1000))).endsWith(0);
    }

    @Test
    void masks_as_many_at_each_step() {
        assertThat(masked(Schedule.absorbing(4))).containsExactly(new double[] {0, 0.25, 0.5, 0.75, 1}, within(1e-12));
        assertThat(kept(Schedule.absorbing(4))).containsExactly(new double[] {1, 0.75, 0.5, 0.25, 0}, within(1e-12));
    }

    @Test
    void masks_nine_of_ten_and_replaces_one() {
        Schedule schedule = Schedule.maskAndReplace(10);
        assertThat(kept(schedule)[10]).isZero();
        assertThat(masked(schedule)[10]).isCloseTo(0.9, within(1e-12));
        assertThat(1 - kept(schedule)[5] - masked(schedule)[5]).isCloseTo(0.05, within(1e-12));
    }

    @Test
    void starts_clean_and_loses_ever_more() {
        List<IntFunction<Schedule>> all = List.of(
                Schedule::cosine,
                Schedule::linear,
                Schedule::absorbing,
                Schedule::maskAndReplace,
                Schedule::maskAndReplaceAsReleased);
        for (IntFunction<Schedule> make : all) {
            for (int steps : new int[] {2, 7, 100}) {
                Schedule schedule = make.apply(steps);
                assertThat(schedule.steps()).isEqualTo(steps);
                double[] kept = kept(schedule);
                double[] masked = masked(schedule);
                assertThat(kept[0]).isEqualTo(1);
                assertThat(masked[0]).isZero();
                for (int t = 1; t <= steps; t++) {
                    assertThat(kept[t]).isLessThan(kept[t - 1]).isGreaterThanOrEqualTo(0);
                    assertThat(masked[t]).isGreaterThanOrEqualTo(masked[t - 1]);
                    assertThat(kept[t] + masked[t]).isLessThanOrEqualTo(1 + 1e-12);
                }
            }
        }
        assertThat(kept(Schedule.cosine(1))[1]).isCloseTo(0.001, within(1e-12));
        assertThat(kept(Schedule.linear(1))[1]).isZero();
    }

    @Test
    void refuses_too_few_steps() {
        assertThatThrownBy(() -> Schedule.cosine(0)).hasMessage("steps must be at least 1, got 0");
        assertThatThrownBy(() -> Schedule.maskAndReplaceAsReleased(1))
                .hasMessage("steps must be at least 2 for the released schedule, got 1");
    }

    private static double[] kept(Schedule schedule) {
        return Scope.value(() -> Tensors.toDoubles(all(schedule).kept()));
    }

    private static double[] masked(Schedule schedule) {
        return Scope.value(() -> Tensors.toDoubles(all(schedule).masked()));
    }

    private static Level all(Schedule schedule) {
        long[] times = LongStream.rangeClosed(0, schedule.steps()).toArray();
        return schedule.at(Tensors.longs(times), Devices.cpu());
    }
}
