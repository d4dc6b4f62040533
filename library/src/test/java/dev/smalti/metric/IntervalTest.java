package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Seed;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class IntervalTest {
    private static double[] coins(long seed, int count, double heads) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] coins = new double[count];
        Arrays.setAll(coins, i -> random.nextDouble() < heads ? 1 : 0);
        return coins;
    }

    @Test
    void resamples_of_a_share_spread_as_the_binomial_distribution_does() {
        double[] coins = coins(1, 2500, 0.8);
        double share = Arrays.stream(coins).average().orElseThrow();
        double half = 1.96 * Math.sqrt(share * (1 - share) / coins.length);
        Interval interval = Interval.ofResampledMean(coins, 2000, new Seed(2));
        assertThat(interval.low()).isCloseTo(share - half, within(0.12 * half));
        assertThat(interval.high()).isCloseTo(share + half, within(0.12 * half));
        assertThat(interval).isEqualTo(Interval.ofResampledMean(coins, 2000, new Seed(2)));
        assertThat(interval).isNotEqualTo(Interval.ofResampledMean(coins, 2000, new Seed(3)));
    }

    @Test
    void nineteen_of_twenty_hold_the_true_share() {
        int held = 0;
        int heldByErrors = 0;
        for (int i = 0; i < 400; i++) {
            double[] coins = coins(100 + i, 300, 0.7);
            Interval resampled = Interval.ofResampledMean(coins, 200, new Seed(i));
            Interval ofErrors = Interval.ofMean(coins);
            held += resampled.low() <= 0.7 && 0.7 <= resampled.high() ? 1 : 0;
            heldByErrors += ofErrors.low() <= 0.7 && 0.7 <= ofErrors.high() ? 1 : 0;
        }
        assertThat(held / 400.0).isCloseTo(0.95, within(0.04)); // 0.95 ± 3.7 deviations
        assertThat(heldByErrors / 400.0).isCloseTo(0.95, within(0.04));
    }

    @Test
    void a_distance_lies_in_the_middle_of_its_own_unless_0_is_near() {
        Interval far = Interval.ofDistance(10, 3, i -> 10 + i);
        assertThat(far.low()).isCloseTo(10 - 1.96, within(1e-12));
        assertThat(far.high()).isCloseTo(10 + 1.96, within(1e-12));
        assertThat(Interval.ofDistance(1, 3, i -> 10 + i).low()).isZero();
    }

    @Test
    void what_gives_no_interval_is_refused() {
        assertThatThrownBy(() -> Interval.ofResampledMean(new double[] {1, 2}, 1, new Seed(0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least 2 resamples, got 2 and 1");
        assertThatThrownBy(() -> Interval.ofDistance(1, 1, i -> 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("got 1");
        assertThatThrownBy(() -> Interval.ofMean(new double[] {1}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least 2 values, got 1");
        assertThatThrownBy(() -> new Interval(2, 1)).isInstanceOf(IllegalArgumentException.class);
    }
}
