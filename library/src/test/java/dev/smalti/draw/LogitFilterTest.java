package dev.smalti.draw;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class LogitFilterTest {
    /** Logits of the probabilities 0.05, 0.5, 0.15, 0.3, but for a constant. */
    private static final float[] LOGITS = logarithms(0.05, 0.5, 0.15, 0.3);

    @Test
    void changes_nothing_unless_told() {
        assertThat(probabilities(LogitFilter.NONE, LOGITS)).containsExactly(near(0.05, 0.5, 0.15, 0.3), within(1e-6));
    }

    @Test
    void divides_logits_by_the_temperature() {
        double sum = 0.0025 + 0.25 + 0.0225 + 0.09;
        assertThat(probabilities(new LogitFilter(0.5, 0, 1), LOGITS))
                .containsExactly(near(0.0025 / sum, 0.25 / sum, 0.0225 / sum, 0.09 / sum), within(1e-6));
        double roots = Math.sqrt(0.05) + Math.sqrt(0.5) + Math.sqrt(0.15) + Math.sqrt(0.3);
        assertThat(probabilities(new LogitFilter(2, 0, 1), LOGITS))
                .containsExactly(
                        near(
                                Math.sqrt(0.05) / roots,
                                Math.sqrt(0.5) / roots,
                                Math.sqrt(0.15) / roots,
                                Math.sqrt(0.3) / roots),
                        within(1e-6));
    }

    @Test
    void keeps_the_k_most_likely() {
        assertThat(probabilities(new LogitFilter(1, 2, 1), LOGITS))
                .containsExactly(near(0, 0.625, 0, 0.375), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 1, 1), LOGITS)).containsExactly(near(0, 1, 0, 0), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 9, 1), LOGITS))
                .containsExactly(near(0.05, 0.5, 0.15, 0.3), within(1e-6));
    }

    @Test
    void keeps_k_where_more_are_alike() {
        double[] found = probabilities(new LogitFilter(1, 2, 1), new float[] {1, 1, 1, 0});
        assertThat(Arrays.stream(found).filter(p -> p > 0).toArray()).containsExactly(near(0.5, 0.5), within(1e-6));
        assertThat(found[3]).isZero();
    }

    @Test
    void keeps_the_fewest_that_have_the_probability_of_the_nucleus() {
        assertThat(probabilities(new LogitFilter(1, 0, 0.45), LOGITS)).containsExactly(near(0, 1, 0, 0), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 0.7), LOGITS))
                .containsExactly(near(0, 0.625, 0, 0.375), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 0.85), LOGITS))
                .containsExactly(near(0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 1e-9), LOGITS)).containsExactly(near(0, 1, 0, 0), within(1e-6));
    }

    /** -ln p is 3.00, 0.69, 1.90 and 1.20, and the entropy 1.14: the code of 0.3 is the most ordinary, that of 0.5 the next. */
    @Test
    void keeps_the_fewest_of_most_ordinary_surprise() {
        assertThat(probabilities(new LogitFilter(1, 0, 1, 0.25), LOGITS))
                .containsExactly(near(0, 0, 0, 1), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 1, 0.7), LOGITS))
                .containsExactly(near(0, 0.625, 0, 0.375), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 1, 0.9), LOGITS))
                .containsExactly(near(0, 0.5 / 0.95, 0.15 / 0.95, 0.3 / 0.95), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 0, 1, 1e-9), LOGITS))
                .containsExactly(near(0, 0, 0, 1), within(1e-6));
    }

    /** Against the definition, for every set that a share can leave. Seed 8. */
    @Test
    void keeps_the_typical_set_of_any_distribution() {
        SplittableRandom random = new SplittableRandom(8);
        for (int round = 0; round < 50; round++) {
            double[] p = random.doubles(6, 0.01, 1).toArray();
            double all = Arrays.stream(p).sum();
            double entropy = 0;
            for (int i = 0; i < p.length; i++) {
                p[i] /= all;
                entropy -= p[i] * Math.log(p[i]);
            }
            double share = random.nextDouble(0.05, 0.95);
            double h = entropy;
            int[] order = IntStream.range(0, p.length)
                    .boxed()
                    .sorted(Comparator.comparingDouble(i -> Math.abs(-Math.log(p[i]) - h)))
                    .mapToInt(i -> i)
                    .toArray();
            double[] expected = new double[p.length];
            double sum = 0;
            for (int i = 0; sum < share; i++) {
                expected[order[i]] = p[order[i]];
                sum += p[order[i]];
            }
            for (int i = 0; i < expected.length; i++) {
                expected[i] /= sum;
            }
            assertThat(probabilities(new LogitFilter(1, 0, 1, share), logarithms(p)))
                    .containsExactly(expected, within(1e-5));
        }
    }

    /** Of the three of the nucleus, 0.5, 0.3 and 0.15 of 0.95, the code of 0.3 is the most ordinary. */
    @Test
    void keeps_the_typical_of_the_nucleus() {
        assertThat(probabilities(new LogitFilter(1, 0, 0.9, 0.2), LOGITS))
                .containsExactly(near(0, 0, 0, 1), within(1e-6));
        assertThat(probabilities(new LogitFilter(1, 1, 1, 0.5), LOGITS))
                .containsExactly(near(0, 1, 0, 0), within(1e-6));
    }

    /** At temperature 0.5 three codes have 0.993; of these the nucleus of 0.8 is two: 0.25 and 0.09 of 0.3625. */
    @Test
    void cools_then_keeps_k_then_the_nucleus() {
        assertThat(probabilities(new LogitFilter(0.5, 3, 0.8), LOGITS))
                .containsExactly(near(0, 0.25 / 0.34, 0, 0.09 / 0.34), within(1e-6));
    }

    @Test
    void stands_logits_of_any_size() {
        assertThat(probabilities(new LogitFilter(0.01, 2, 0.9), new float[] {1e4f, -1e4f, 9e3f, 0}))
                .containsExactly(near(1, 0, 0, 0), within(1e-6));
    }

    @Test
    void refuses_what_is_no_temperature_no_number_of_codes_and_no_probability() {
        for (double bad : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> new LogitFilter(bad, 0, 1)).hasMessage("temperature must be above 0, got " + bad);
        }
        assertThatThrownBy(() -> new LogitFilter(1, -1, 1))
                .hasMessageContaining("top-k")
                .hasMessageContaining("-1");
        for (double bad : new double[] {0, 1.01, Double.NaN}) {
            assertThatThrownBy(() -> new LogitFilter(1, 0, bad)).hasMessage("top-p must be in (0, 1], got " + bad);
            assertThatThrownBy(() -> new LogitFilter(1, 0, 1, bad)).hasMessage("typical must be in (0, 1], got " + bad);
        }
    }

    private static double[] probabilities(LogitFilter filter, float[] logits) {
        return Scope.value(() -> {
            Tensor row = Tensors.floats(logits).view(1, logits.length);
            Tensor log = filter.logProbabilities(Tensors.cat(0, row, row));
            assertThat(log.scalar_type().intern()).isEqualTo(ScalarType.Double);
            double[] two = Tensors.toDoubles(log.exp());
            double[] first = Arrays.copyOf(two, logits.length);
            assertThat(Arrays.copyOfRange(two, logits.length, two.length)).isEqualTo(first); // each row by itself
            return first;
        });
    }

    private static double[] near(double... values) {
        return values;
    }

    private static float[] logarithms(double... p) {
        float[] logits = new float[p.length];
        for (int i = 0; i < p.length; i++) {
            logits[i] = (float) (Math.log(p[i]) + 3);
        }
        return logits;
    }
}
