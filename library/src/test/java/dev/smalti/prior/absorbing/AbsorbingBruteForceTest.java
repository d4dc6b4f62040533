package dev.smalti.prior.absorbing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Looking;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.Denoiser;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration.Masking;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleSupplier;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Everything summed over, for K = 3 codes and L = 3 tokens: 4³ = 64 states, of which 27 are grids. State s holds token
 * (s / 4^i) mod 4 at position i, 3 for the mask.
 */
class AbsorbingBruteForceTest {
    private static final Sampling COINS = Sampling.USUAL.unmasking(Unmasking.USUAL.reveal(Reveal.COINS));
    private static final int K = 3;
    private static final int L = 3;
    private static final int STATES = 64;
    private static final int T = 3;
    private static final int CLASSES = 2;
    private static final long[] GRID = {2, 0, 1};
    private static final int LABEL = 1;

    private static AbsorbingDiffusion prior;
    private static double[][][][] logits; // [label][state][position][code]

    @BeforeAll
    static void make_a_random_network_whose_tokens_depend_on_one_another() {
        prior = build(AbsorbingConfiguration.Loss.ELBO, Masking.INDEPENDENT);
        Scope.free(() -> {
            long[] states = new long[STATES * L];
            for (int s = 0; s < STATES; s++) {
                for (int i = 0; i < L; i++) {
                    states[s * L + i] = token(s, i);
                }
            }
            logits = new double[CLASSES + 1][STATES][L][K];
            for (int label = 0; label <= CLASSES; label++) {
                double[] flat = Tensors.toDoubles(prior.network()
                        .logits(Tensors.longs(states).view(STATES, L), null, Tensors.filled(label, STATES), null));
                for (int i = 0; i < flat.length; i++) {
                    logits[label][i / (L * K)][i / K % L][i % K] = flat[i];
                }
            }
        });
    }

    private static AbsorbingDiffusion build(AbsorbingConfiguration.Loss loss, Masking masking) {
        return build(loss, masking, T);
    }

    private static AbsorbingDiffusion build(AbsorbingConfiguration.Loss loss, Masking masking, int steps) {
        AbsorbingConfiguration configuration = new AbsorbingConfiguration(
                new TransformerConfiguration(2, 8, 2, null), steps, loss, masking, null, null);
        AbsorbingDiffusion made =
                new AbsorbingDiffusion(configuration, new TokenSpace(K, 1, L), CLASSES, new Seed(1), Devices.cpu());
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                made.parameters().weights().forEach((name, weight) -> {
                    if (!name.contains("ln")) {
                        double deviation = name.contains("attn") ? 2 : name.contains("emb") ? 1 : 0.5;
                        weight.normal_(0, deviation, new Seed(1).child(name).optional());
                    }
                });
            }
        });
        return made;
    }

    @AfterAll
    static void close() {
        prior.close();
    }

    @Test
    void has_a_network_whose_tokens_depend_on_one_another() {
        double[] whole = chain(T, 0, GuidanceSchedule.CONSTANT, LogitFilter.NONE, LABEL);
        double apart = 0;
        double[][] margins = new double[L][K];
        for (int s = 0; s < STATES; s++) {
            for (int i = 0; i < L; i++) {
                if (masks(s).isEmpty()) {
                    margins[i][token(s, i)] += whole[s];
                }
            }
        }
        for (int s = 0; s < STATES; s++) {
            if (masks(s).isEmpty()) {
                apart += Math.abs(
                        whole[s] - margins[0][token(s, 0)] * margins[1][token(s, 1)] * margins[2][token(s, 2)]);
            }
        }
        assertThat(apart / 2).as("total variation to independent tokens").isGreaterThan(0.1);
        double[] atOnce = chain(1, 0, GuidanceSchedule.CONSTANT, LogitFilter.NONE, LABEL);
        assertThat(variation(whole, atOnce))
                .as("total variation to tokens drawn at once")
                .isGreaterThan(0.1);
    }

    @Test
    void seed_6_estimates_the_bound_by_drawing_a_time() {
        double exact = bound(T);
        int rows = 500;
        double toBits = L * Math.log(2);
        Seed seed = new Seed(6);
        long[] part = {0};
        estimate(
                exact,
                100,
                () -> Scope.value(() -> {
                    Seed now = seed.child(part[0]++);
                    Tensor t = torch.randint(
                            1, T + 1L, new long[] {rows}, now.child("t").optional(), Tensors.options(ScalarType.Long));
                    Tensor u = torch.rand(
                            new long[] {rows, L}, now.child("u").optional(), Tensors.options(ScalarType.Double));
                    return prior.trainingLoss(grids(rows), Tensors.filled(LABEL, rows), t, u, null)
                                    .total()
                                    .item_double()
                            * toBits;
                }));
    }

    @Test
    void seed_7_estimates_the_bound_by_drawing_how_many_are_lost() {
        double exact = 0;
        for (int lost = 1; lost < 1 << L; lost++) {
            int m = Integer.bitCount(lost);
            exact += L * (1.0 / L) * entropy(lost) / m / choose(m);
        }
        Seed seed = new Seed(7);
        long[] part = {0};
        estimate(
                exact,
                100,
                () -> Scope.value(() -> prior.negativeLogLikelihood(
                                new TokenBatch(grids(500), Tensors.filled(LABEL, 500)), seed.child(part[0]++))
                        .mean()
                        .item_double()));
    }

    @Test
    void seed_7_estimates_the_bound_in_batches_of_one_grid() {
        double exact = 0;
        for (int lost = 1; lost < 1 << L; lost++) {
            int m = Integer.bitCount(lost);
            exact += entropy(lost) / m / choose(m);
        }
        Seed seed = new Seed(7).child("one");
        long[] part = {0};
        estimate(
                exact,
                1000,
                () -> Scope.value(() -> prior.negativeLogLikelihood(
                                new TokenBatch(grids(1), Tensors.filled(LABEL, 1)), seed.child(part[0]++))
                        .item_double()));
    }

    @Test
    void seed_8_estimates_the_bound_in_steps_by_drawing_how_many_are_lost() {
        for (int steps : new int[] {1, T, 7}) {
            Seed seed = new Seed(8).child(steps);
            long[] part = {0};
            try (AbsorbingDiffusion own = build(AbsorbingConfiguration.Loss.ELBO, Masking.FIXED, steps)) {
                assertThat(own.steps()).isEqualTo(steps);
                estimate(
                        bound(steps),
                        100,
                        () -> Scope.value(() -> own.negativeLogLikelihoodInSteps(
                                        new TokenBatch(grids(500), Tensors.filled(LABEL, 500)), seed.child(part[0]++))
                                .mean()
                                .item_double()));
            }
        }
    }

    /** Σ_t E[S_t] / t over t = 1..T, all sets of lost tokens with their probabilities. */
    private static double bound(int steps) {
        double exact = 0;
        for (int t = 1; t <= steps; t++) {
            double share = (double) t / steps;
            for (int lost = 0; lost < 1 << L; lost++) {
                int m = Integer.bitCount(lost);
                exact += Math.pow(share, m) * Math.pow(1 - share, L - m) * entropy(lost) / t;
            }
        }
        return exact;
    }

    /** The T-step bound is above -ln p of the T-step chain, whatever the network. */
    @Test
    void has_a_bound_above_the_nats_of_its_own_chain() {
        double exact = bound(T);
        double nats = -Math.log(chain(T, 0, GuidanceSchedule.CONSTANT, LogitFilter.NONE, LABEL)[state(0)]);
        assertThat(exact).isGreaterThan(nats);
    }

    /** The other losses are the same cross-entropy S_t under other weights. */
    @Test
    void weights_the_losses_as_the_paper_and_its_code() {
        for (int t = 1; t <= T; t++) {
            for (int lost = 0; lost < 1 << L; lost++) {
                double bits = entropy(lost) / L / Math.log(2);
                int m = Integer.bitCount(lost);
                near(AbsorbingConfiguration.Loss.ELBO, t, lost, bits * T / t);
                near(AbsorbingConfiguration.Loss.REWEIGHTED_ELBO, t, lost, bits * (T - t + 1) / T);
                near(AbsorbingConfiguration.Loss.REWEIGHTED_ELBO_AS_RELEASED, t, lost, bits * (T - t) / T);
                near(AbsorbingConfiguration.Loss.MASKED_TOKEN, t, lost, m == 0 ? 0 : entropy(lost) / m);
            }
        }
    }

    private static void near(AbsorbingConfiguration.Loss loss, int time, int lost, double expected) {
        try (AbsorbingDiffusion other = build(loss, Masking.INDEPENDENT)) {
            Scope.free(() -> {
                double share = (double) time / T;
                // just below the share where a token is to be lost, just above where it is not
                float[] u = new float[L];
                for (int i = 0; i < L; i++) {
                    u[i] = (float) (share + ((lost >> i & 1) == 1 ? -0.1 : 0.1));
                }
                double found = other.trainingLoss(
                                grids(1),
                                Tensors.filled(LABEL, 1),
                                Tensors.filled(time, 1),
                                Tensors.floats(u).view(1, L),
                                null)
                        .total()
                        .item_double();
                assertThat(found).as(loss + " at t = " + time).isCloseTo(expected, within(1e-5 * (1 + expected)));
            });
        }
    }

    @Test
    void masks_a_fixed_number_of_tokens_if_so_configured() {
        try (AbsorbingDiffusion fixed = build(AbsorbingConfiguration.Loss.MASKED_TOKEN, Masking.FIXED)) {
            for (int time = 1; time <= T; time++) {
                int t = time;
                int lost = (1 << t) - 1; // T = L: at time t the t smallest of u, here the first positions
                Scope.free(() -> assertThat(fixed.trainingLoss(
                                        grids(1),
                                        Tensors.filled(LABEL, 1),
                                        Tensors.filled(t, 1),
                                        Tensors.floats(0.2f, 0.5f, 0.9f).view(1, L),
                                        null)
                                .total()
                                .item_double())
                        .isCloseTo(entropy(lost) / t, within(1e-5)));
            }
        }
    }

    @Test
    void seed_31_draws_from_the_exact_distribution_in_3_steps() {
        compare(Sampling.USUAL, 31, 20_000);
    }

    @Test
    void seed_32_draws_from_the_exact_distribution_in_2_steps() {
        compare(COINS.steps(2), 32, 12_000);
    }

    @Test
    void seed_33_draws_from_the_exact_distribution_with_growing_guidance_and_tempering() {
        compare(
                Sampling.USUAL
                        .steps(3)
                        .filter(new LogitFilter(0.8, 2, 1))
                        .guidance(new GuidanceSettings(1.5, GuidanceSchedule.LINEAR, Interval.ALL, null)),
                33,
                12_000);
    }

    @Test
    void seed_34_draws_from_the_exact_distribution_with_constant_guidance_in_2_steps() {
        compare(COINS.steps(2).filter(new LogitFilter(1.5, 0, 1)).guidance(0.7), 34, 12_000);
    }

    @Test
    void seed_35_draws_from_the_exact_distribution_in_1_step() {
        compare(Sampling.USUAL.steps(1), 35, 12_000);
    }

    /** In 2 steps the first place, since 1.5 places rounded are left, and then both others at once. */
    @Test
    void seed_36_draws_row_by_row_from_the_exact_distribution() {
        compare(Sampling.USUAL.order(Order.RASTER), raster(List.of(1, 2, 4)), 36, 12_000);
        compare(Sampling.USUAL.order(Order.RASTER).steps(2), raster(List.of(1, 6)), 37, 12_000);
    }

    /** Where these sets of places are drawn in turn. */
    private static double[] raster(List<Integer> sets) {
        double[] p = new double[STATES];
        p[STATES - 1] = 1;
        for (int set : sets) {
            double[] next = new double[STATES];
            for (int s = 0; s < STATES; s++) {
                if (p[s] > 0) {
                    List<Integer> masks = masks(s).stream()
                            .filter(place -> (set >> place & 1) == 1)
                            .toList();
                    spread(next, s, p[s], masks, 0, 1, distributions(s, 0, LogitFilter.NONE, LABEL));
                }
            }
            p = next;
        }
        return p;
    }

    /** On 1 × 4 tokens with windows of 1 × 3 the places within are seen through both, the outer ones through one. */
    @Test
    void seed_38_draws_through_random_windows_from_the_mean_of_all_windows() {
        double[][] one = distributions(STATES - 1, 0, LogitFilter.NONE, LABEL);
        double[][] mean = new double[L + 1][K];
        for (int i = 0; i <= L; i++) {
            for (int k = 0; k < K; k++) {
                double first = i < L ? one[i][k] : one[i - 1][k];
                double second = i > 0 ? one[i - 1][k] : one[i][k];
                mean[i][k] = (first + second) / 2;
            }
        }
        int draws = 20_000;
        Map<Looking, double[]> found = new EnumMap<>(Looking.class);
        for (Looking looking : Looking.values()) {
            Sampling sampling =
                    Sampling.USUAL.steps(1).canvas(new Canvas(1, L + 1, 1)).looking(looking);
            double[] counts = new double[81];
            Scope.free(() -> {
                List<Seed> seeds =
                        LongStream.range(0, draws).mapToObj(new Seed(38)::child).toList();
                long[] codes = Tensors.toLongs(prior.sample(
                        prior.draw(sampling, RandomStreams.of(seeds)).labels(Tensors.filled(LABEL, draws))));
                for (int i = 0; i < codes.length; i += L + 1) {
                    counts[(int) (codes[i] + 3 * codes[i + 1] + 9 * codes[i + 2] + 27 * codes[i + 3])] += 1.0 / draws;
                }
            });
            found.put(looking, counts);
        }
        double[] exact = new double[81];
        double expected = 0;
        for (int s = 0; s < 81; s++) {
            exact[s] = mean[0][s % 3] * mean[1][s / 3 % 3] * mean[2][s / 9 % 3] * mean[3][s / 27];
            expected += Math.sqrt(exact[s] * (1 - exact[s]) / draws) / 2;
        }
        double bound = expected + Math.sqrt(Math.log(1e6) / 2 / draws);
        found.forEach((looking, counts) ->
                assertThat(variation(counts, exact)).as("%s", looking).isLessThan(bound));
        assertThat(found.get(Looking.RANDOM)).isNotEqualTo(found.get(Looking.STRIDED));
    }

    private static void compare(Sampling sampling, long seed, int draws) {
        int steps = sampling.steps().count() == 0 ? T : sampling.steps().count();
        double[] exact = chain(
                steps, sampling.guidance().weight(), sampling.guidance().schedule(), sampling.filter(1, steps), LABEL);
        compare(sampling, exact, seed, draws);
    }

    private static void compare(Sampling sampling, double[] exact, long seed, int draws) {
        assertThat(Arrays.stream(exact).sum()).isCloseTo(1, within(1e-9));
        double[] found = new double[STATES];
        for (int from = 0; from < draws; from += 4000) {
            List<Seed> seeds = LongStream.range(from, from + 4000)
                    .mapToObj(new Seed(seed)::child)
                    .toList();
            Scope.free(() -> {
                RandomStreams numbers = RandomStreams.of(seeds);
                long[] codes = Tensors.toLongs(
                        prior.sample(prior.draw(sampling, numbers).labels(Tensors.filled(LABEL, seeds.size()))));
                for (int i = 0; i < codes.length; i += L) {
                    found[(int) (codes[i] + 4 * codes[i + 1] + 16 * codes[i + 2])] += 1.0 / draws;
                }
            });
        }
        double expected = 0;
        for (int s = 0; s < STATES; s++) {
            expected += Math.sqrt(exact[s] * (1 - exact[s]) / draws) / 2;
        }
        // of perfect draws the mean is at most `expected`, and the rest is passed once in a million (McDiarmid)
        double bound = expected + Math.sqrt(Math.log(1e6) / 2 / draws);
        assertThat(variation(found, exact))
                .as("total variation under seed " + seed)
                .isLessThan(bound);
    }

    private static double variation(double[] p, double[] q) {
        double sum = 0;
        for (int i = 0; i < p.length; i++) {
            sum += Math.abs(p[i] - q[i]) / 2;
        }
        return sum;
    }

    /** Counts what it is asked, and checks that it is asked for masked positions only. */
    private static final class Counter implements Denoiser {
        private int calls;
        private long positions;
        private long grids;

        @Override
        public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
            calls++;
            positions += at.size(0);
            grids += xt.size(0);
            assertThat(Tensors.toLongs(xt.flatten().index_select(0, at))).containsOnly(K);
            return prior.network().logits(xt, time, label, at);
        }
    }

    /** Uniform numbers that don't change over the steps, so that token i is revealed at the first t below 1 / u_i. */
    private record Fixed(float... u) implements RandomStreams {
        @Override
        public long grids() {
            return u.length / L;
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return Tensors.floats(u).to(ScalarType.Double).view(-1, length);
        }
    }

    @Test
    void asks_the_network_only_in_steps_and_for_positions_in_which_a_token_is_revealed() {
        Counter counter = new Counter();
        // 1/u: in steps 3 and 1 of the first grid, in step 1 of the second; nothing happens in step 2
        float[] u = {0.3f, 0.9f, 0.1f, 0.6f, 0.7f, 0.8f};
        List<long[]> seen = new ArrayList<>();
        Scope.free(() -> prior.sample(
                counter,
                prior.draw(Sampling.USUAL, new Fixed(u))
                        .labels(Tensors.longs(0, 1))
                        .watcher((done, of, xt) -> seen.add(Tensors.toLongs(xt)))));
        assertThat(counter.calls).isEqualTo(2);
        assertThat(counter.positions).isEqualTo(2 * L);
        assertThat(counter.grids).as("grids that change").isEqualTo(1 + 2);
        assertThat(seen).hasSize(T);
        assertThat(seen.get(1)).isEqualTo(seen.get(0));
        assertThat(seen.get(2)).doesNotContain(K);
    }

    @Test
    void asks_twice_as_many_with_guidance() {
        Counter counter = new Counter();
        float[] u = {0.3f, 0.9f, 0.1f, 0.6f, 0.7f, 0.8f};
        Scope.free(() -> prior.sample(
                counter, prior.draw(Sampling.USUAL.guidance(1), new Fixed(u)).labels(Tensors.longs(0, 1))));
        assertThat(counter.calls).isEqualTo(2);
        assertThat(counter.positions).isEqualTo(4 * L);
    }

    @Test
    void gives_the_same_logits_at_some_positions_as_everywhere() {
        Scope.free(() -> {
            Tensor xt = Tensors.longs(3, 0, 3, 1, 2, 3, 3, 3, 3).view(3, L);
            Tensor label = Tensors.longs(0, 1, 2);
            Tensor at = Tensors.longs(0, 2, 5, 6, 8);
            Tensor all = prior.network().logits(xt, null, label, null).index_select(0, at);
            double[] expected = Tensors.toDoubles(all);
            assertThat(Tensors.toDoubles(prior.network().logits(xt, null, label, at)))
                    .containsExactly(expected, within(1e-5));
            prior.parameters().training(true);
            assertThat(Tensors.toDoubles(prior.network().logits(xt, null, label, at)))
                    .containsExactly(expected, within(1e-5));
            prior.parameters().training(false);
        });
    }

    /** The distribution after all steps, over states: at step t each masked token is revealed with probability 1/t. */
    private static double[] chain(
            int steps, double guidance, GuidanceSchedule schedule, LogitFilter filter, int label) {
        double[] p = new double[STATES];
        p[STATES - 1] = 1;
        for (int t = steps; t >= 1; t--) {
            double w = guidance * schedule.share(steps == 1 ? 1 : (double) (steps - t) / (steps - 1));
            double[] next = new double[STATES];
            for (int s = 0; s < STATES; s++) {
                if (p[s] > 0) {
                    spread(next, s, p[s], masks(s), 0, 1.0 / t, distributions(s, w, filter, label));
                }
            }
            p = next;
        }
        return p;
    }

    private static void spread(
            double[] next, int state, double p, List<Integer> masks, int from, double reveal, double[][] codes) {
        if (from == masks.size()) {
            next[state] += p;
            return;
        }
        int position = masks.get(from);
        spread(next, state, p * (1 - reveal), masks, from + 1, reveal, codes);
        for (int code = 0; code < K; code++) {
            int revealed = state - (K - code) * (1 << 2 * position);
            spread(next, revealed, p * reveal * codes[position][code], masks, from + 1, reveal, codes);
        }
    }

    /** Temperature and top-k are done again here, by sorting; no nucleus. */
    private static double[][] distributions(int state, double w, LogitFilter filter, int label) {
        double[][] p = new double[L][K];
        for (int i = 0; i < L; i++) {
            double[] guided = new double[K];
            for (int k = 0; k < K; k++) {
                guided[k] = ((1 + w) * logits[label][state][i][k] - w * logits[CLASSES][state][i][k])
                        / filter.temperature();
            }
            double[] sorted = guided.clone();
            Arrays.sort(sorted);
            double least = filter.filters().topK() == 0
                    ? sorted[0]
                    : sorted[K - filter.filters().topK()];
            double sum = 0;
            for (int k = 0; k < K; k++) {
                p[i][k] = guided[k] < least ? 0 : Math.exp(guided[k] - sorted[K - 1]);
                sum += p[i][k];
            }
            for (int k = 0; k < K; k++) {
                p[i][k] /= sum;
            }
        }
        return p;
    }

    /** S of {@link #GRID} with the tokens of a set lost, in nats. */
    private static double entropy(int lost) {
        double[][] p = distributions(state(lost), 0, LogitFilter.NONE, LABEL);
        double sum = 0;
        for (int i = 0; i < L; i++) {
            if ((lost >> i & 1) == 1) {
                sum -= Math.log(p[i][(int) GRID[i]]);
            }
        }
        return sum;
    }

    private static int state(int lost) {
        int state = 0;
        for (int i = 0; i < L; i++) {
            state += ((lost >> i & 1) == 1 ? K : (int) GRID[i]) << 2 * i;
        }
        return state;
    }

    private static int token(int state, int position) {
        return state >> 2 * position & 3;
    }

    private static List<Integer> masks(int state) {
        List<Integer> masks = new ArrayList<>();
        for (int i = 0; i < L; i++) {
            if (token(state, i) == K) {
                masks.add(i);
            }
        }
        return masks;
    }

    private static double choose(int m) {
        return m == 0 || m == L ? 1 : L;
    }

    private static Tensor grids(int rows) {
        return Tensors.longs(GRID).view(1, L).expand(rows, L).contiguous();
    }

    /** The mean of many estimates is within four standard errors of the exact value, and these are below 3 %. */
    private static void estimate(double exact, int times, DoubleSupplier one) {
        double sum = 0;
        double squares = 0;
        for (int i = 0; i < times; i++) {
            double value = one.getAsDouble();
            sum += value;
            squares += value * value;
        }
        double mean = sum / times;
        double error = Math.sqrt((squares / times - mean * mean) / (times - 1));
        assertThat(error).as("standard error").isLessThan(0.03 * exact);
        assertThat(mean).isCloseTo(exact, within(4 * error + 1e-6));
    }
}
