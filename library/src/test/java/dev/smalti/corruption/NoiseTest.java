package dev.smalti.corruption;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class NoiseTest {
    private static double[] total(Noise noise, double... t) {
        return Scope.value(() -> Tensors.toDoubles(noise.total(Tensors.doubles(t))));
    }

    private static double[] rate(Noise noise, double... t) {
        return Scope.value(() -> Tensors.toDoubles(noise.rate(Tensors.doubles(t))));
    }

    @ParameterizedTest
    @EnumSource
    void the_rate_is_the_slope_of_the_total(Noise.Shape shape) {
        Noise noise = Noise.of(shape);
        double step = 1e-6;
        for (double t : new double[] {0.05, 0.3, 0.5, 0.8, 0.95}) {
            double[] around = total(noise, t - step, t + step);
            double slope = (around[1] - around[0]) / (2 * step);
            assertThat(rate(noise, t)[0]).isCloseTo(slope, within(1e-6 * slope + 1e-6));
        }
    }

    @Test
    void log_linear_touches_a_share_that_grows_evenly() {
        double[] sigma = total(Noise.of(Noise.Shape.LOG_LINEAR), 0, 0.25, 1);
        assertThat(1 - Math.exp(-sigma[0])).isEqualTo(0, within(1e-12));
        assertThat(1 - Math.exp(-sigma[1])).isEqualTo(0.999 * 0.25, within(1e-12));
        assertThat(1 - Math.exp(-sigma[2])).isEqualTo(0.999, within(1e-12));
    }

    @Test
    void log_sin_touches_the_share_that_maskgit_masks_with_time_reversed() {
        for (double t : new double[] {0.1, 0.5, 0.9}) {
            double maskgit = Math.cos(Math.PI / 2 * (1 - t));
            double sigma = total(Noise.of(Noise.Shape.LOG_SIN), t)[0];
            assertThat(1 - Math.exp(-sigma)).isEqualTo(0.999 * maskgit, within(1e-12));
        }
        assertThat(total(Noise.of(Noise.Shape.LOG_SIN), 0.1, 0.5, 0.9))
                .containsExactly(new double[] {0.170, 1.226, 4.320}, within(6e-4));
    }

    @Test
    void geometric_goes_from_its_minimum_to_its_maximum() {
        assertThat(total(new Noise(Noise.Shape.GEOMETRIC, null, 0.01, 4.0), 0, 0.5, 1))
                .containsExactly(new double[] {0.01, 0.2, 4}, within(1e-12));
    }

    @Test
    void refuses_constants_that_make_no_schedule() {
        assertThatThrownBy(() -> new Noise(null, 1.0, null, null)).hasMessage("epsilon must be in (0, 1), got 1.0");
        assertThatThrownBy(() -> new Noise(null, null, 2.0, 1.0))
                .hasMessage("minimum and maximum must be above 0 and in this order, got 2.0 and 1.0");
    }
}
