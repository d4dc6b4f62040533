package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class CategoricalTest {
    @Test
    void seed_2_draws_codes_as_often_as_their_probabilities_say() {
        double[] p = {0.5, 0.3, 0.15, 0.0499, 0.0001};
        int draws = 50_000;
        long[] times = new long[p.length];
        Scope.free(() -> {
            Tensor drawn = Categorical.draw(logarithms(p).expand(draws, p.length), exponential(2, draws, p.length));
            for (long code : Tensors.toLongs(drawn)) {
                times[(int) code]++;
            }
        });
        double chi = 0;
        for (int i = 0; i < p.length; i++) {
            chi += (times[i] - draws * p[i]) * (times[i] - draws * p[i]) / (draws * p[i]);
        }
        assertThat(chi).as("chi-square, 4 degrees of freedom").isLessThan(23.5); // beyond it: 1e-4
    }

    @Test
    void draws_a_code_of_probability_1e_9_just_where_it_wins_the_race() {
        Scope.free(() -> {
            Tensor log = logarithms(1 - 1e-9, 1e-9);
            assertThat(Tensors.toLongs(Categorical.draw(
                            log.view(1, 2), doubles(1, 0.999e-9).view(1, 2))))
                    .containsExactly(1);
            assertThat(Tensors.toLongs(Categorical.draw(
                            log.view(1, 2), doubles(1, 1.001e-9).view(1, 2))))
                    .containsExactly(0);
        });
    }

    /** The rare code's arrival given that it is before 1e-8, which has probability 1e-8; a tenth of these wins. */
    @Test
    void seed_4_draws_a_code_of_probability_1e_9_once_in_1e9() {
        int draws = 40_000;
        double[] early = new double[draws];
        for (int i = 0; i < draws; i++) {
            early[i] = -Math.log1p(-(i + 0.5) / draws * 1e-8);
        }
        Scope.free(() -> {
            Tensor arrivals =
                    Tensors.cat(1, exponential(4, draws, 1), doubles(early).view(draws, 1));
            Tensor log = logarithms(1 - 1e-9, 1e-9).expand(draws, 2);
            double share = LongStream.of(Tensors.toLongs(Categorical.draw(log, arrivals)))
                    .average()
                    .orElseThrow();
            assertThat(share * 1e-8).isCloseTo(1e-9, within(4e-8 * Math.sqrt(0.1 * 0.9 / draws)));
        });
    }

    @Test
    void seed_9_is_finer_than_the_24_bits_that_cut_the_tails_off() {
        Scope.free(() -> {
            double[] numbers = Tensors.toDoubles(exponential(9, 1000, 1));
            int coarse = 0;
            for (double number : numbers) {
                double steps = -Math.expm1(-number) * (1 << 24);
                coarse += Math.abs(steps - Math.rint(steps)) < 1e-3 ? 1 : 0;
            }
            assertThat(coarse).isLessThan(20);
        });
    }

    @Test
    void never_draws_what_is_left_out() {
        Scope.free(() -> {
            double never = Double.NEGATIVE_INFINITY;
            Tensor log = doubles(never, Math.log(1e-30), never).view(1, 3);
            assertThat(Tensors.toLongs(
                            Categorical.draw(log, doubles(1e-16, 50, 1e-16).view(1, 3))))
                    .containsExactly(1);
        });
    }

    private static Tensor logarithms(double... p) {
        return doubles(p).log();
    }

    private static Tensor doubles(double... values) {
        Tensor tensor = torch.empty(new long[] {values.length}, Tensors.options(ScalarType.Double), null);
        new DoublePointer(tensor.data_ptr()).put(values);
        return tensor;
    }

    private static Tensor exponential(long seed, int rows, int columns) {
        try (RandomStreams draws = RandomStreams.of(List.of(new Seed(seed)))) {
            return draws.exponential(LongStream.range(0, rows).toArray(), rows, columns);
        }
    }
}
