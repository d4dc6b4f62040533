package dev.smalti.prior.maskgit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.process.Halton;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A denoiser that knows the law of K = 3 codes and L = 2 tokens, and the law of what is drawn with it, summed over all that
 * can happen. State 3 a + b holds code a, then b.
 */
class MaskGitBruteForceTest {
    private static final int K = 3;
    private static final int L = 2;
    private static final int CLASSES = 2;
    private static final int LABEL = 1;

    private final double[][][] joint = joint(); // [label][a][b]

    /** Log-normal weights, so that both tokens depend on each other. */
    private static double[][][] joint() {
        Random random = new Random(4);
        double[][][] joint = new double[CLASSES + 1][K][K];
        for (double[][] each : joint) {
            double sum = 0;
            for (double[] row : each) {
                for (int b = 0; b < K; b++) {
                    row[b] = Math.exp(1.5 * random.nextGaussian());
                    sum += row[b];
                }
            }
            for (double[] row : each) {
                for (int b = 0; b < K; b++) {
                    row[b] /= sum;
                }
            }
        }
        return joint;
    }

    /** p(token at {@code position} | the other one, K where masked), times anything. */
    private double[] known(int label, int position, int other) {
        double[] p = new double[K];
        for (int code = 0; code < K; code++) {
            for (int each = 0; each < K; each++) {
                if (other == K || other == each) {
                    p[code] += position == 0 ? joint[label][code][each] : joint[label][each][code];
                }
            }
        }
        return p;
    }

    private final Denoiser denoiser = (xt, time, label, at) -> {
        long[] tokens = Tensors.toLongs(xt);
        long[] labels = Tensors.toLongs(label);
        long[] asked = Tensors.toLongs(at);
        float[] logits = new float[asked.length * K];
        for (int m = 0; m < asked.length; m++) {
            int position = (int) asked[m] % L;
            int other = (int) tokens[(int) asked[m] - position + 1 - position];
            double[] p = known((int) labels[(int) asked[m] / L], position, other);
            for (int code = 0; code < K; code++) {
                logits[m * K + code] = (float) Math.log(p[code]);
            }
        }
        return Tensors.floats(logits).view(-1, K);
    };

    /** What is drawn from: guided, tempered (temperature and top-k 2, done again here) and normalised. */
    private double[] guess(Sampling sampling, int number, int steps, int position, int other) {
        double w = sampling.guidance().weight()
                * sampling.guidance().schedule().share(steps == 1 ? 1 : (number - 1.0) / (steps - 1));
        double[] p = new double[K];
        for (int code = 0; code < K; code++) {
            p[code] = Math.pow(known(LABEL, position, other)[code], 1 + w)
                    / Math.pow(known(CLASSES, position, other)[code], w);
        }
        LogitFilter filter = sampling.filter(number, steps);
        double least = Arrays.stream(p)
                .sorted()
                .skip(filter.filters().topK() == 0 ? 0 : K - filter.filters().topK())
                .findFirst()
                .orElseThrow();
        for (int code = 0; code < K; code++) {
            p[code] = p[code] < least ? 0 : Math.pow(p[code], 1 / filter.temperature());
        }
        return normal(p);
    }

    private static double[] normal(double[] p) {
        double sum = Arrays.stream(p).sum();
        return Arrays.stream(p).map(each -> each / sum).toArray();
    }

    /** The law of tokens drawn one at a time, {@code first} before the other. */
    private double[] inOrder(Sampling sampling, int first) {
        double[] law = new double[K * K];
        double[] p = guess(sampling, 1, 2, first, K);
        for (int x = 0; x < K; x++) {
            double[] q = guess(sampling, 2, 2, 1 - first, x);
            for (int y = 0; y < K; y++) {
                law[first == 0 ? K * x + y : K * y + x] += p[x] * q[y];
            }
        }
        return law;
    }

    /** The law of both tokens drawn in one step. */
    private double[] atOnce(Sampling sampling) {
        double[] law = new double[K * K];
        for (int state = 0; state < K * K; state++) {
            law[state] = guess(sampling, 1, 1, 0, K)[state / K] * guess(sampling, 1, 1, 1, K)[state % K];
        }
        return law;
    }

    /**
     * The law of two steps by confidence. Of two tokens with probabilities p and q, the first has the greater
     * ln p + c·g with probability 1 / (1 + (q / p)^(1/c)).
     */
    private double[] byConfidence(Sampling sampling, double noise) {
        return byConfidence(sampling, noise, sampling.filter(LogitFilter.NONE));
    }

    /** @param sure the draw whose probabilities are p and q */
    private double[] byConfidence(Sampling sampling, double noise, Sampling sure) {
        double c = noise / 2; // at ρ = 1/2
        double[] law = new double[K * K];
        for (int state = 0; state < K * K; state++) {
            int[] x = {state / K, state % K};
            double drawn = guess(sampling, 1, 2, 0, K)[x[0]] * guess(sampling, 1, 2, 1, K)[x[1]];
            double ratio = guess(sure, 1, 2, 1, K)[x[1]] / guess(sure, 1, 2, 0, K)[x[0]];
            double first = 1 / (1 + Math.pow(ratio, 1 / c));
            for (int kept = 0; kept < L; kept++) {
                double[] q = guess(sampling, 2, 2, 1 - kept, x[kept]);
                for (int y = 0; y < K; y++) {
                    int end = kept == 0 ? K * x[0] + y : K * y + x[1];
                    law[end] += drawn * (kept == 0 ? first : 1 - first) * q[y];
                }
            }
        }
        return law;
    }

    private double[] law() {
        return Arrays.stream(joint[LABEL]).flatMapToDouble(Arrays::stream).toArray();
    }

    private static MaskGitSampling order(Order order, Double noise, Boolean roll) {
        return new MaskGitSampling(null, null, null, order, noise, roll);
    }

    @Test
    void seed_41_recovers_the_law_in_random_order_and_row_by_row() {
        assertThat(variation(law(), atOnce(Sampling.USUAL)))
                .as("total variation to tokens drawn at once")
                .isGreaterThan(0.1);
        compare(order(Order.RANDOM, null, null), Sampling.USUAL, 41, law());
        compare(order(Order.RASTER, null, null), Sampling.USUAL, 40, law());
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void seed_42_recovers_the_law_in_the_order_of_halton(boolean roll) {
        compare(order(Order.HALTON, null, roll), Sampling.USUAL, 42, law());
    }

    @Test
    void seed_43_draws_what_is_the_law_of_the_order_with_growing_guidance_and_tempering() {
        Sampling sampling = Sampling.USUAL
                .steps(2)
                .filter(new LogitFilter(0.8, 2, 1))
                .guidance(new GuidanceSettings(1.5, GuidanceSchedule.LINEAR, Interval.ALL, null));
        double[] left = inOrder(sampling, 0);
        double[] right = inOrder(sampling, 1);
        assertThat(variation(left, right)).as("both orders differ").isGreaterThan(0.02);
        int first = (int) Halton.order(1, L)[0];
        compare(order(Order.HALTON, null, false), sampling, 43, first == 0 ? left : right);
        double[] both = new double[K * K];
        for (int state = 0; state < both.length; state++) {
            both[state] = (left[state] + right[state]) / 2;
        }
        compare(order(Order.HALTON, null, true), sampling, 44, both);
        compare(order(Order.RANDOM, null, null), sampling, 45, both);
    }

    @Test
    void seed_46_draws_by_confidence_what_is_not_the_law() {
        double[] exact = byConfidence(Sampling.USUAL, 1);
        assertThat(variation(exact, law())).as("the bias of confidence").isGreaterThan(0.04);
        compare(order(Order.CONFIDENCE, 1.0, null), Sampling.USUAL, 46, exact);
    }

    @Test
    void seed_47_draws_by_confidence_with_guidance_and_temperature_but_is_as_sure_as_without_temperature() {
        Sampling sampling =
                Sampling.USUAL.steps(2).filter(new LogitFilter(4, 0, 1)).guidance(0.5);
        double[] exact = byConfidence(sampling, 1);
        assertThat(variation(exact, byConfidence(sampling, 1, sampling)))
                .as("what temperature would change of the confidence")
                .isGreaterThan(0.1);
        compare(order(Order.CONFIDENCE, 1.0, null), sampling, 47, exact);
    }

    /** Much noise makes the order random, little makes it certain. */
    @Test
    void seed_48_is_unbiased_with_endless_noise_and_certain_without() {
        compare(order(Order.CONFIDENCE, 1e6, null), Sampling.USUAL, 48, law());
        compare(order(Order.CONFIDENCE, 0.0, null), Sampling.USUAL, 49, byConfidence(Sampling.USUAL, 1e-3));
    }

    @ParameterizedTest
    @ValueSource(strings = {"CONFIDENCE", "HALTON", "RANDOM"})
    void seed_50_draws_independent_tokens_in_one_step(Order order) {
        Sampling sampling = Sampling.USUAL.steps(1).guidance(0.5);
        compare(order(order, null, null), sampling, 50, atOnce(sampling));
    }

    private void compare(MaskGitSampling how, Sampling sampling, long seed, double[] exact) {
        assertThat(Arrays.stream(exact).sum()).isCloseTo(1, within(1e-9));
        int draws = 12_000;
        double[] found = new double[K * K];
        MaskGitConfiguration configuration = MaskGitConfiguration.of(new TransformerConfiguration(1, 4, 1, null))
                .sampling(how);
        try (MaskGit prior = new MaskGit(configuration, new TokenSpace(K, 1, L), CLASSES, new Seed(1), Devices.cpu())) {
            RandomStreams numbers = RandomStreams.of(seeds(seed, draws));

            Scope.free(() -> {
                Tensor labels = Tensors.filled(LABEL, draws);
                long[] codes = Tensors.toLongs(
                        prior.sample(denoiser, prior.draw(sampling, numbers).labels(labels)));
                for (int i = 0; i < codes.length; i += L) {
                    found[(int) (K * codes[i] + codes[i + 1])] += 1.0 / draws;
                }
            });
        }
        double expected = 0;
        for (double p : exact) {
            expected += Math.sqrt(p * (1 - p) / draws) / 2;
        }
        // of perfect draws the mean is at most `expected`, and the rest is passed once in a million (McDiarmid)
        double bound = expected + Math.sqrt(Math.log(1e6) / 2 / draws);
        assertThat(variation(found, exact))
                .as("total variation under seed " + seed)
                .isLessThan(bound);
    }

    private static List<Seed> seeds(long seed, int count) {
        return LongStream.range(0, count).mapToObj(new Seed(seed)::child).toList();
    }

    private static double variation(double[] p, double[] q) {
        double sum = 0;
        for (int i = 0; i < p.length; i++) {
            sum += Math.abs(p[i] - q[i]) / 2;
        }
        return sum;
    }
}
