package dev.smalti.prior.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class MaskedBoundTest {
    private static final int L = 4;

    /** What a network that knows time says: S_t = m (1 + m + t), t from the share (t - 1/2) / T. */
    private static double entropy(int m, int t) {
        return m * (1.0 + m + t);
    }

    @Test
    void seed_3_gives_the_sum_over_steps_to_a_network_that_knows_time() {
        int steps = 6;
        double exact = 0;
        for (int t = 1; t <= steps; t++) {
            double share = (double) t / steps;
            for (int lost = 0; lost < 1 << L; lost++) {
                int m = Integer.bitCount(lost);
                exact += Math.pow(share, m) * Math.pow(1 - share, L - m) * entropy(m, t) / t;
            }
        }
        double[] all = Scope.value(() -> Tensors.toDoubles(MaskedBound.negativeLogLikelihoodInSteps(
                40_000, L, steps, Devices.cpu(), new Seed(3).generator(), (lost, share) -> {
                    Tensor m = lost.sum(1).to(share.scalar_type());
                    Tensor t = share.mul(new Scalar((double) steps)).add(new Scalar(0.5));
                    return m.mul(m.add(t).add(new Scalar(1.0)));
                })));
        double mean = DoubleStream.of(all).average().orElseThrow();
        double square = DoubleStream.of(all).map(x -> x * x).average().orElseThrow();
        double error = Math.sqrt((square - mean * mean) / all.length);
        assertThat(error).isLessThan(0.01 * exact);
        assertThat(mean).isCloseTo(exact, within(4 * error));
    }

    @Test
    void weighs_every_number_of_masked_tokens_as_continuous_time_does_when_steps_are_many() {
        for (int m = 1; m <= 5; m++) {
            assertThat(DoubleStream.of(MaskedBound.weights(m, 5, 200_000)).sum())
                    .isCloseTo(1.0 / m, within(1e-4));
        }
    }

    @Test
    void weighs_tokens_alike_in_all_and_stays_finite_where_grids_are_long() {
        double sum = 0;
        for (int m = 1; m <= 1024; m++) {
            double weight = DoubleStream.of(MaskedBound.weights(m, 1024, 256)).sum();
            sum += m * weight;
        }
        assertThat(sum).isCloseTo(1024, within(1e-6)); // so equal nats a token give the same bound, whatever T
        assertThat(MaskedBound.weights(4, 4, 1)).containsExactly(1); // one step guesses all at once
    }
}
