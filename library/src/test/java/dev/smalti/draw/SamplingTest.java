package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.GuidanceSettings.Interval;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplingTest {
    @Test
    void takes_at_most_so_many_steps_where_the_method_usually_takes_more() {
        Steps few = new Steps.AtMost(4);
        assertThat(few.shares(8)).containsExactly(1, 0.75, 0.5, 0.25, 0);
        assertThat(few.shares(2)).containsExactly(1, 0.5, 0);
        assertThat(few.count())
                .as("no number that a method would have to refuse")
                .isZero();
        assertThatThrownBy(() -> new Steps.AtMost(0)).hasMessage("steps must be at least 1, got 0");
    }

    @Test
    void guides_by_the_schedule() {
        assertThat(weights(Sampling.USUAL, 4)).containsOnly(0);
        assertThat(weights(Sampling.USUAL.guidance(2), 4)).containsOnly(2);
        assertThat(weights(guided(GuidanceSchedule.LINEAR, Interval.ALL), 5)).containsExactly(0, 0.5, 1, 1.5, 2);
        assertThat(weights(guided(GuidanceSchedule.COSINE, Interval.ALL), 3))
                .containsExactly(near(0, 1, 2), within(1e-12));
    }

    @Test
    void guides_in_its_interval_of_the_steps_alone() {
        Interval middle = new Interval(0.25, 0.75);
        assertThat(weights(guided(GuidanceSchedule.CONSTANT, middle), 5)).containsExactly(0, 2, 2, 2, 0);
        assertThat(weights(guided(GuidanceSchedule.LINEAR, middle), 5)).containsExactly(0, 0.5, 1, 1.5, 0);
        assertThat(weights(guided(GuidanceSchedule.CONSTANT, new Interval(0, 0)), 3))
                .containsExactly(2, 0, 0);
        assertThat(weights(guided(GuidanceSchedule.CONSTANT, new Interval(1, 1)), 3))
                .containsExactly(0, 0, 2);
    }

    /** There is no middle of one step: it is the last one, and every interval has it. */
    @Test
    void guides_a_single_step_wholly() {
        assertThat(weights(guided(GuidanceSchedule.LINEAR, new Interval(0.2, 0.4)), 1))
                .containsExactly(2);
    }

    @Test
    void goes_to_the_last_temperature_in_equal_steps() {
        LogitFilter first = new LogitFilter(2, 7, 0.9, 0.8);
        Sampling cooling = Sampling.USUAL.filter(first).lastTemperature(0.5);
        assertThat(temperatures(cooling, 4)).containsExactly(near(2, 1.5, 1, 0.5), within(1e-12));
        assertThat(cooling.filter(1, 4)).isEqualTo(first);
        assertThat(cooling.filter(4, 4)).isEqualTo(new LogitFilter(0.5, 7, 0.9, 0.8));
        assertThat(temperatures(cooling, 1)).containsExactly(0.5);
        assertThat(temperatures(Sampling.USUAL.filter(first), 3)).containsOnly(2);
    }

    @Test
    void spreads_a_list_of_temperatures_over_the_steps() {
        Sampling three = Sampling.USUAL.temperatures(new Temperatures(List.of(1.0, 0.9, 0.5)));
        assertThat(temperatures(three, 3)).as("one a step").containsExactly(near(1, 0.9, 0.5), within(1e-12));
        assertThat(temperatures(three, 5)).containsExactly(near(1, 0.95, 0.9, 0.7, 0.5), within(1e-12));
        assertThat(temperatures(three, 2)).containsExactly(near(1, 0.5), within(1e-12));
        assertThat(temperatures(three, 1)).containsExactly(0.5);
        assertThat(three.named()).isEqualTo(Map.of("temperatures", List.of(1.0, 0.9, 0.5)));
        assertThat(new Temperatures(List.of(0.7)))
                .as("one is that of all steps")
                .isEqualTo(new Temperatures(0.7, 0.7));
        assertThat(new Temperatures(List.of(1.5, 0.7))).isEqualTo(new Temperatures(1.5, 0.7));
    }

    @Test
    void guides_away_from_no_class_unless_one_is_named() {
        assertThat(GuidanceSettings.NONE.against(10)).isEqualTo(10);
        assertThat(new GuidanceSettings(1, GuidanceSchedule.CONSTANT, Interval.ALL, 3L).against(10))
                .isEqualTo(3);
    }

    @Test
    void changes_one_thing_and_keeps_the_rest() {
        GuidanceSettings guidance = new GuidanceSettings(2, GuidanceSchedule.COSINE, new Interval(0.1, 0.9), 4L);
        Sampling all = Sampling.USUAL
                .steps(5)
                .filter(new LogitFilter(1.5, 2, 0.5))
                .lastTemperature(0.7)
                .guidance(guidance)
                .order(Order.RASTER)
                .looking(Looking.RANDOM)
                .canvas(new Canvas(1, 2));
        assertThat(all)
                .isEqualTo(new Sampling(
                        new Steps.Equal(5),
                        new Temperatures(1.5, 0.7),
                        new Filters(2, 0.5, 1),
                        guidance,
                        Unmasking.USUAL.order(Order.RASTER),
                        Extrapolation.NONE,
                        Corrector.NONE,
                        Looking.RANDOM,
                        new Canvas(1, 2)));
        assertThat(all.guidance(0.5).guidance().schedule()).isEqualTo(GuidanceSchedule.COSINE);
    }

    @Test
    void names_what_is_not_as_usual_and_nothing_else() {
        assertThat(Sampling.USUAL.named()).isEmpty();
        Sampling all = Sampling.USUAL
                .times(List.of(1.0, 0.5))
                .filter(new LogitFilter(1.5, 2, 0.5, 0.25))
                .lastTemperature(0.7)
                .guidance(new GuidanceSettings(2, GuidanceSchedule.COSINE, new Interval(0.1, 0.9), 4L))
                .order(Order.RASTER)
                .looking(Looking.RANDOM)
                .canvas(new Canvas(1, 2, 3));
        assertThat(all.named())
                .isEqualTo(Map.ofEntries(
                        Map.entry("steps", 2),
                        Map.entry("times", List.of(1.0, 0.5)),
                        Map.entry("temperature", 1.5),
                        Map.entry("last_temperature", 0.7),
                        Map.entry("top_k", 2),
                        Map.entry("top_p", 0.5),
                        Map.entry("typical", 0.25),
                        Map.entry("guidance", 2.0),
                        Map.entry("guidance_schedule", "cosine"),
                        Map.entry("guidance_interval", List.of(0.1, 0.9)),
                        Map.entry("negative", 4L),
                        Map.entry("order", "raster"),
                        Map.entry("windows", "random"),
                        Map.entry("canvas", List.of(1, 2, 3))));
    }

    @Test
    void takes_equal_steps_or_those_of_a_list() {
        Steps list = Sampling.USUAL.times(List.of(1.0, 0.6, 0.1)).steps();
        assertThat(list.count()).isEqualTo(3);
        assertThat(list.shares(9)).containsExactly(1, 0.6, 0.1, 0);
        assertThat(Steps.USUAL.shares(4)).containsExactly(1, 0.75, 0.5, 0.25, 0);
        assertThat(Steps.of(2).shares(4)).containsExactly(1, 0.5, 0);
        assertThat(Steps.of(0)).isSameAs(Steps.USUAL);
        for (List<Double> bad : List.of(List.of(0.9, 0.1), List.of(1.0, 1.0), List.of(1.0, 0.0), List.<Double>of())) {
            assertThatThrownBy(() -> Sampling.USUAL.times(bad))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("times must");
        }
    }

    @Test
    void refuses_numbers_that_are_none() {
        assertThatThrownBy(() -> Sampling.USUAL.steps(-1)).hasMessageContaining("steps must be at least 1");
        for (double bad : new double[] {-0.1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> Sampling.USUAL.guidance(bad))
                    .hasMessage("guidance must be at least 0, got " + bad);
        }
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> Sampling.USUAL.lastTemperature(bad))
                    .hasMessage("the last temperature must be above 0, got " + bad);
        }
        assertThatThrownBy(() -> new Temperatures(List.of()))
                .hasMessage("temperatures must be at least one number above 0, got []");
        assertThatThrownBy(() -> new Temperatures(List.of(1.0, -1.0, 0.5)))
                .hasMessage("temperatures must be above 0, got -1.0");
        for (double[] bad : new double[][] {{-0.1, 1}, {0, 1.1}, {0.6, 0.5}, {Double.NaN, 1}}) {
            assertThatThrownBy(() -> new Interval(bad[0], bad[1]))
                    .hasMessageContaining("0 <= from <= to <= 1, got " + bad[0] + " and " + bad[1]);
        }
    }

    private static Sampling guided(GuidanceSchedule schedule, Interval interval) {
        return Sampling.USUAL.guidance(new GuidanceSettings(2, schedule, interval, null));
    }

    private static double[] weights(Sampling sampling, int steps) {
        return IntStream.rangeClosed(1, steps)
                .mapToDouble(number -> sampling.weight(number, steps))
                .toArray();
    }

    private static double[] temperatures(Sampling sampling, int steps) {
        return IntStream.rangeClosed(1, steps)
                .mapToDouble(number -> sampling.filter(number, steps).temperature())
                .toArray();
    }

    private static double[] near(double... values) {
        return values;
    }
}
