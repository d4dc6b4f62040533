package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Sampling.Interval;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class SamplingTest {
    @Test
    void names_what_is_not_as_usual() {
        assertThat(Sampling.USUAL.named()).isEmpty();
        Sampling all = Sampling.USUAL
                .times(List.of(1.0, 0.25))
                .guidance(2, GuidanceSchedule.LINEAR, new Interval(0.1, 0.9), 3L)
                .filter(new LogitFilter(0.5, 7, 0.9, 0.8))
                .lastTemperature(0.25)
                .canvas(new Canvas(4, 6, 2));
        assertThat(all.named())
                .containsExactlyInAnyOrderEntriesOf(Map.ofEntries(
                        Map.entry("times", List.of(1.0, 0.25)),
                        Map.entry("steps", 2),
                        Map.entry("guidance", 2.0),
                        Map.entry("guidance_schedule", "linear"),
                        Map.entry("guidance_interval", List.of(0.1, 0.9)),
                        Map.entry("negative_label", 3L),
                        Map.entry("temperature", 0.5),
                        Map.entry("last_temperature", 0.25),
                        Map.entry("top_k", 7),
                        Map.entry("top_p", 0.9),
                        Map.entry("typical", 0.8),
                        Map.entry("canvas", List.of(4, 6, 2))));
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
    void guides_away_from_no_class_unless_one_is_named() {
        assertThat(Sampling.USUAL.against(10)).isEqualTo(10);
        assertThat(Sampling.USUAL
                        .guidance(1, GuidanceSchedule.CONSTANT, Interval.ALL, 3L)
                        .against(10))
                .isEqualTo(3);
    }

    @Test
    void changes_one_thing_and_keeps_the_rest() {
        Scope.free(() -> {
            Tensor open = Tensors.longs(1, 0).view(1, 2).to(ScalarType.Bool);
            Known known = new Known(Tensors.filled(0, 3, 1, 2), open);
            Sampling all = Sampling.USUAL
                    .steps(5)
                    .filter(new LogitFilter(1.5, 2, 0.5))
                    .lastTemperature(0.7)
                    .guidance(2, GuidanceSchedule.COSINE, new Interval(0.1, 0.9), 4L)
                    .canvas(new Canvas(1, 2))
                    .known(known);
            assertThat(all)
                    .isEqualTo(new Sampling(
                            5,
                            null,
                            new LogitFilter(1.5, 2, 0.5),
                            0.7,
                            2,
                            GuidanceSchedule.COSINE,
                            new Interval(0.1, 0.9),
                            4L,
                            new Canvas(1, 2),
                            known));
            assertThat(all.guidance(0.5).schedule()).isEqualTo(GuidanceSchedule.COSINE);
            assertThatThrownBy(() -> all.canvas(new Canvas(2, 2)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("known tokens must have the size of the canvas, 2 × 2, got 1 × 2");
        });
    }

    @Test
    void takes_equal_steps_or_those_of_a_list() {
        Sampling list = Sampling.USUAL.times(List.of(1.0, 0.6, 0.1));
        assertThat(list.steps()).isEqualTo(3);
        assertThat(new double[] {list.time(1, 3), list.time(2, 3), list.time(3, 3), list.time(4, 3)})
                .containsExactly(1, 0.6, 0.1, 0);
        assertThat(new double[] {Sampling.USUAL.time(1, 4), Sampling.USUAL.time(2, 4), Sampling.USUAL.time(5, 4)})
                .containsExactly(1, 0.75, 0);
        assertThat(list.steps(7).times()).isNull();
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
        for (double[] bad : new double[][] {{-0.1, 1}, {0, 1.1}, {0.6, 0.5}, {Double.NaN, 1}}) {
            assertThatThrownBy(() -> new Interval(bad[0], bad[1]))
                    .hasMessageContaining("0 <= from <= to <= 1, got " + bad[0] + " and " + bad[1]);
        }
    }

    private static Sampling guided(GuidanceSchedule schedule, Interval interval) {
        return Sampling.USUAL.guidance(2, schedule, interval, null);
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
