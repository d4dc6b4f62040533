package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImportanceMaskingTest {
    private static final int GRIDS = 40_000;
    private static final int L = 3;

    /** The lost tokens of each grid as a number of three bits, and its weight. */
    private static double[][] draw(double p, long seed) {
        return Scope.value(() -> {
            Tensor share = Tensors.doubles(p).expand(GRIDS);
            ImportanceMasking masking = ImportanceMasking.draw(new Seed(seed).generator(), share, L);
            Tensor bits = masking.u()
                    .lt(share.unsqueeze(1))
                    .mul(Tensors.longs(1, 2, 4))
                    .sum(1);
            return new double[][] {Tensors.toDoubles(bits), Tensors.toDoubles(masking.weight())};
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.02, 0.4, 0.97, 1})
    void seed_3_loses_each_set_of_tokens_as_often_as_independent_draws_would(double p) {
        double[][] drawn = draw(p, 3);
        for (int set = 0; set < 8; set++) {
            double mean = 0;
            for (int i = 0; i < GRIDS; i++) {
                mean += drawn[0][i] == set ? drawn[1][i] / GRIDS : 0;
            }
            int lost = Integer.bitCount(set);
            double expected = Math.pow(p, lost) * Math.pow(1 - p, L - lost);
            double error = Math.sqrt(2 * expected / GRIDS); // weights are at most 2
            assertThat(mean).as("set %d at p = %s", set, p).isCloseTo(expected, within(4.5 * error + 1e-9));
        }
    }

    @Test
    void seed_4_keeps_weights_small_and_loses_something_in_half_of_the_grids_at_least() {
        double[][] drawn = draw(0.01, 4);
        int lost = 0;
        for (int i = 0; i < GRIDS; i++) {
            assertThat(drawn[1][i]).isBetween(0.0, 2.0);
            lost += drawn[0][i] > 0 ? 1 : 0;
        }
        assertThat((double) lost / GRIDS).isBetween(0.49, 0.55);
    }

    @Test
    void leaves_numbers_uniform_where_everything_is_lost_anyway() {
        Scope.free(() -> {
            ImportanceMasking masking = ImportanceMasking.draw(
                    new Seed(5).generator(), Tensors.doubles(1).expand(GRIDS), L);
            assertThat(masking.u().mean().item_double()).isCloseTo(0.5, within(0.01));
            assertThat(masking.weight().sub(new Scalar(1.0)).abs().max().item_double())
                    .isLessThan(1e-12);
        });
    }
}
