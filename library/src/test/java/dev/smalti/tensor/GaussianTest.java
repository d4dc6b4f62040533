package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class GaussianTest {
    @Test
    void seed_42_begins_with_these_numbers_on_every_machine() {
        float[] numbers = new float[5];
        Gaussian.fill(new SplittableRandom(42), numbers, 1, 4);
        assertThat(numbers).containsExactly(0.0f, 0.49295065f, -0.69400567f, -1.2810774f, 0.0f);
    }

    @Test
    void a_million_numbers_of_seed_1_have_the_moments_and_tails_of_a_normal_distribution() {
        float[] numbers = new float[1_000_000];
        Gaussian.fill(new SplittableRandom(1), numbers, 0, numbers.length);
        double mean = 0;
        double square = 0;
        double fourth = 0;
        double together = 0;
        int beyond = 0;
        for (int i = 0; i < numbers.length; i++) {
            double x = numbers[i];
            mean += x / numbers.length;
            square += x * x / numbers.length;
            fourth += x * x * x * x / numbers.length;
            together += i % 2 == 0 ? x * numbers[i + 1] / (numbers.length / 2) : 0;
            beyond += Math.abs(x) > 2 ? 1 : 0;
        }
        assertThat(mean).isCloseTo(0, within(0.005)); // five standard errors each
        assertThat(square).isCloseTo(1, within(0.008));
        assertThat(fourth).isCloseTo(3, within(0.05));
        assertThat(together).as("both of a pair").isCloseTo(0, within(0.008));
        assertThat(beyond / 1e6).isCloseTo(0.0455, within(0.0011));
    }
}
