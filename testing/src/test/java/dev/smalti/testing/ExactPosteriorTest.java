package dev.smalti.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.corruption.Schedule;
import dev.smalti.network.Denoiser;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

class ExactPosteriorTest {
    private static final int MASK = 3;

    private final Joint joint = Joint.potts(3);

    @Test
    void sums_over_all_grids_that_masks_may_hide() {
        long[] xt = {MASK, 1, MASK, 2, 0, MASK};
        check(ExactPosterior.ofMasks(joint), 0, xt, (x0, x) -> x == MASK || x == x0 ? 1 : 0);
    }

    @Test
    void weighs_grids_by_how_likely_their_tokens_were_replaced() {
        long[] xt = {0, 1, 1, 2, 0, 2};
        double kept = Math.exp(-0.7);
        check(ExactPosterior.ofNoise(joint), 0.7, xt, (x0, x) -> (x == x0 ? kept : 0) + (1 - kept) / 3);
    }

    @Test
    void knows_both_of_a_chain_that_masks_and_replaces() {
        long[] xt = {0, MASK, 1, 2, MASK, 2};
        // after 4 of 10 steps 0.6 are kept, 0.36 are masked and 0.04 replaced
        check(
                ExactPosterior.ofChain(joint, Schedule.maskAndReplace(10)),
                3,
                xt,
                (x0, x) -> x == MASK ? 0.36 : (x == x0 ? 0.6 : 0) + 0.04 / 3);
    }

    @Test
    void has_the_ratios_of_grids_that_were_replaced() {
        long[] xt = {0, 1, 1, 2, 0, 2};
        double[] log = Scope.value(() -> Tensors.toDoubles(build(ExactPosterior.ofRatios(joint), joint, 3)
                .logits(Tensors.longs(xt).view(1, 6), Tensors.floats(0.7f), null, null)));
        for (int place = 0; place < 6; place++) {
            for (int code = 0; code < 3; code++) {
                long[] other = xt.clone();
                other[place] = code;
                assertThat(Math.exp(log[place * 3 + code]))
                        .as("code %d at %d", code, place)
                        .isCloseTo(noisy(other) / noisy(xt), within(1e-6)); // times are float32
            }
        }
    }

    /** p_t(x) at noise 0.7, term by term. */
    private double noisy(long[] x) {
        double kept = Math.exp(-0.7);
        double sum = 0;
        for (int state = 0; state < joint.states(); state++) {
            int[] x0 = joint.codes(state);
            double p = joint.probability(state);
            for (int place = 0; place < 6; place++) {
                p *= (x[place] == x0[place] ? kept : 0) + (1 - kept) / 3;
            }
            sum += p;
        }
        return sum;
    }

    @Test
    void gives_equal_grids_equal_rows_and_others_their_own_time() {
        Scope.free(() -> {
            Denoiser network = build(ExactPosterior.ofNoise(joint), joint, 4);
            long[] one = {0, 1, 1, 2, 0, 2};
            double[] logits = Tensors.toDoubles(network.logits(
                    Tensors.longs(one).expand(3, 6), Tensors.floats(1, 2, 1), null, Tensors.longs(4, 10, 16)));
            double[][] rows = {
                Arrays.copyOf(logits, 4), Arrays.copyOfRange(logits, 4, 8), Arrays.copyOfRange(logits, 8, 12)
            };
            assertThat(rows[2]).isEqualTo(rows[0]).isNotEqualTo(rows[1]);
            assertThat(rows[0][3]).as("what is no code").isEqualTo(Double.NEGATIVE_INFINITY);
        });
    }

    @Test
    void leaves_out_what_cannot_be_and_says_nothing_of_grids_that_cannot() {
        TokenSpace space = new TokenSpace(2, 1, 2);
        Joint alike = new Joint(space, new double[] {0.5, 0, 0, 0}); // both 0
        double[] logits = Scope.value(() -> Tensors.toDoubles(build(ExactPosterior.ofMasks(alike), alike, 2)
                .logits(Tensors.longs(2, 2, 1, 2).view(2, 2), null, null, Tensors.longs(0, 3))));
        assertThat(logits).containsExactly(0, Double.NEGATIVE_INFINITY, -Math.log(2), -Math.log(2));
    }

    /** q(x_t | x_0) of a token, up to a number that doesn't depend on x_0. */
    private interface Likelihood {
        double of(long x0, long x);
    }

    /** Compares all places with Bayes' theorem, term by term. */
    private void check(ExactPosterior posterior, double time, long[] xt, Likelihood likelihood) {
        double[] logits = Scope.value(() -> {
            Tensor x = Tensors.longs(xt).view(1, 6);
            return Tensors.toDoubles(build(posterior, joint, 3).logits(x, Tensors.floats((float) time), null, null));
        });
        for (int place = 0; place < 6; place++) {
            double[] expected = new double[3];
            for (int state = 0; state < joint.states(); state++) {
                int[] x0 = joint.codes(state);
                double p = joint.probability(state);
                for (int other = 0; other < 6; other++) {
                    p *= other == place ? 1 : likelihood.of(x0[other], xt[other]);
                }
                expected[x0[place]] += p;
            }
            double sum = DoubleStream.of(expected).sum();
            for (int code = 0; code < 3; code++) {
                assertThat(Math.exp(logits[place * 3 + code]))
                        .as("code %d at %d", code, place)
                        .isCloseTo(expected[code] / sum, within(1e-7)); // times are float32
            }
        }
    }

    private static Denoiser build(ExactPosterior posterior, Joint joint, int outputs) {
        NetworkShape shape =
                new NetworkShape(joint.space().height(), joint.space().width(), joint.codes() + 1L, outputs, 0, 0);
        return posterior.build(new Parameters(new Seed(0), Devices.cpu()), shape);
    }
}
