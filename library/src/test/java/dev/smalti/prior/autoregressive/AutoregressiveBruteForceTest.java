package dev.smalti.prior.autoregressive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.Work;
import dev.smalti.prior.TokenBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Everything summed over: all 5⁴ = 625 grids of 2×2 tokens of 5 codes. Grid g holds token (g / 5^(3 - i)) mod 5 at i. */
class AutoregressiveBruteForceTest {
    private static final int K = 5;
    private static final int L = 4;
    private static final int GRIDS = 625;
    private static final int CLASSES = 2;
    private static final int LABEL = 1;

    private static AutoregressiveTransformer prior;
    private static double[][][][] logits; // [label][grid][position][code]

    @BeforeAll
    static void make_a_random_network_whose_tokens_depend_on_one_another() {
        prior = build(new TokenSpace(K, 2, 2));
        Scope.free(() -> {
            logits = new double[CLASSES + 1][GRIDS][L][K];
            for (int label = 0; label <= CLASSES; label++) {
                double[] flat = Tensors.toDoubles(prior.network().logits(grids(), Tensors.filled(label, GRIDS)));
                for (int i = 0; i < flat.length; i++) {
                    logits[label][i / (L * K)][i / K % L][i % K] = flat[i];
                }
            }
        });
    }

    private static AutoregressiveTransformer build(TokenSpace space) {
        AutoregressiveTransformer made = new AutoregressiveTransformer(
                new AutoregressiveConfiguration(new TransformerConfiguration(2, 8, 2, null), null, null),
                space,
                CLASSES,
                new Seed(1),
                Devices.cpu());
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
    void gives_all_grids_together_a_probability_of_one() {
        for (int label = 0; label <= CLASSES; label++) {
            double[] nats = negativeLogLikelihood(label, 3);
            assertThat(Arrays.stream(nats).map(each -> Math.exp(-each)).sum()).isCloseTo(1, within(1e-5));
        }
    }

    @Test
    void measures_the_very_likelihood_and_draws_nothing_for_it() {
        assertThat(prior.exact()).isTrue();
        double[] found = negativeLogLikelihood(LABEL, 3);
        double[] exact = distribution(0, GuidanceSchedule.CONSTANT, LogitFilter.NONE);
        for (int g = 0; g < GRIDS; g++) {
            assertThat(found[g]).isCloseTo(-Math.log(exact[g]), within(1e-5 * (1 - Math.log(exact[g]))));
        }
        assertThat(negativeLogLikelihood(LABEL, 4)).as("another seed").isEqualTo(found);
    }

    @Test
    void measures_the_likelihood_in_one_pass() {
        Scope.free(() -> {
            Tensor all = grids();
            Tensor labels = Tensors.filled(LABEL, GRIDS);
            long pass = work(() -> prior.network().logits(all, labels));
            assertThat(work(() -> prior.negativeLogLikelihood(new TokenBatch(all, labels), new Seed(1))))
                    .isEqualTo(pass);
        });
    }

    @Test
    void has_a_network_whose_tokens_depend_on_one_another() {
        double[] whole = distribution(0, GuidanceSchedule.CONSTANT, LogitFilter.NONE);
        double[][] margins = new double[L][K];
        for (int g = 0; g < GRIDS; g++) {
            for (int i = 0; i < L; i++) {
                margins[i][token(g, i)] += whole[g];
            }
        }
        double[] apart = new double[GRIDS];
        for (int g = 0; g < GRIDS; g++) {
            apart[g] = 1;
            for (int i = 0; i < L; i++) {
                apart[g] *= margins[i][token(g, i)];
            }
        }
        assertThat(variation(whole, apart))
                .as("total variation to independent tokens")
                .isGreaterThan(0.1);
    }

    @Test
    void seed_41_draws_from_the_exact_distribution() {
        compare(Sampling.USUAL, 41, 24_000);
    }

    @Test
    void seed_42_draws_from_the_exact_distribution_with_growing_guidance_and_tempering() {
        compare(
                Sampling.USUAL
                        .steps(L)
                        .filter(new LogitFilter(0.8, 3, 1))
                        .guidance(new GuidanceSettings(1.5, GuidanceSchedule.LINEAR, Interval.ALL, null)),
                42,
                12_000);
    }

    @Test
    void seed_43_draws_from_the_exact_distribution_with_constant_guidance() {
        compare(Sampling.USUAL.filter(new LogitFilter(1.5, 0, 1)).guidance(0.7), 43, 12_000);
    }

    private static void compare(Sampling sampling, long seed, int draws) {
        double[] exact =
                distribution(sampling.guidance().weight(), sampling.guidance().schedule(), sampling.filter(1, L));
        assertThat(Arrays.stream(exact).sum()).isCloseTo(1, within(1e-5));
        double[] found = new double[GRIDS];
        for (int from = 0; from < draws; from += 4000) {
            List<Seed> seeds = LongStream.range(from, from + 4000)
                    .mapToObj(new Seed(seed)::child)
                    .toList();
            Scope.free(() -> {
                RandomStreams numbers = RandomStreams.of(seeds);
                long[] codes = Tensors.toLongs(
                        prior.sample(prior.draw(sampling, numbers).labels(Tensors.filled(LABEL, seeds.size()))));
                for (int i = 0; i < codes.length; i += L) {
                    found[grid(codes, i)] += 1.0 / draws;
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

    @Test
    void shows_tokens_in_raster_order_and_masks_where_none_is_drawn_yet() {
        RandomStreams draws = RandomStreams.of(List.of(new Seed(1), new Seed(2)));
        List<long[]> seen = new ArrayList<>();
        Scope.free(() -> prior.sample(prior.draw(Sampling.USUAL, draws)
                .labels(Tensors.longs(0, CLASSES))
                .watcher((done, of, xt) -> {
                    assertThat(of).isEqualTo(L);
                    assertThat(done).isEqualTo(seen.size() + 1);
                    seen.add(Tensors.toLongs(xt));
                })));
        assertThat(seen).hasSize(L);
        for (int step = 0; step < L; step++) {
            for (int i = 0; i < 2 * L; i++) {
                long expected = i % L <= step ? seen.get(L - 1)[i] : K;
                assertThat(seen.get(step)[i]).as("step %d, token %d", step, i).isEqualTo(expected);
            }
        }
    }

    /** Twice the tokens are twice the products and about four times the attention, as in one pass over the grid. */
    @Test
    void draws_a_grid_with_the_work_of_one_pass() {
        for (int side : new int[] {2, 4, 8}) {
            try (AutoregressiveTransformer other = build(new TokenSpace(K, side, side))) {
                Scope.free(() -> {
                    Tensor x = Tensors.filled(0, 3, (long) side * side);
                    Tensor labels = Tensors.longs(0, 1, CLASSES);
                    long pass = work(() -> other.network().logits(x, labels));
                    assertThat(work(() -> draw(other, Sampling.USUAL, labels))).isEqualTo(pass);
                    assertThat(work(() -> draw(other, Sampling.USUAL.guidance(1), labels)))
                            .as("with guidance")
                            .isEqualTo(2 * pass);
                });
            }
        }
    }

    private static void draw(AutoregressiveTransformer prior, Sampling sampling, Tensor labels) {
        List<Seed> seeds =
                LongStream.range(0, labels.size(0)).mapToObj(Seed::new).toList();
        RandomStreams draws = RandomStreams.of(seeds);
        prior.sample(prior.draw(sampling, draws).labels(labels));
    }

    private static long work(Runnable body) {
        long before = Work.done();
        body.run();
        return Work.done() - before;
    }

    @Test
    void refuses_another_number_of_steps_than_tokens() {
        Scope.free(() -> {
            Tensor labels = Tensors.longs(0);
            for (int steps : new int[] {1, L - 1, L + 1}) {
                assertThatThrownBy(() -> draw(prior, Sampling.USUAL.steps(steps), labels))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage(
                                "steps must be left out or 4, the number of tokens, each of which is drawn given all"
                                        + " before it, got " + steps);
            }
            draw(prior, Sampling.USUAL.steps(L), labels);
        });
    }

    @Test
    void refuses_a_configuration_without_a_network_or_with_an_impossible_share() {
        assertThatThrownBy(() -> new AutoregressiveConfiguration(null, null, null))
                .hasMessage("network is required: give layers, width and heads");
        assertThatThrownBy(
                        () -> new AutoregressiveConfiguration(new TransformerConfiguration(1, 8, 1, null), null, 1.5))
                .hasMessage("label_dropping must be in [0, 1], got 1.5");
    }

    /** Each code is drawn of 2.5 ℓ - 1.5 ℓ', both with their own cache, as whole passes over what was drawn say it again. */
    @ParameterizedTest
    @ValueSource(ints = {CLASSES, 0})
    void seed_44_is_guided_away_from_another_whose_tokens_it_caches_too(int classes) {
        try (AutoregressiveTransformer other = new AutoregressiveTransformer(
                new AutoregressiveConfiguration(new TransformerConfiguration(1, 4, 1, null), null, null),
                new TokenSpace(K, 2, 2),
                classes,
                new Seed(2),
                Devices.cpu())) {
            other.parameters()
                    .weights()
                    .forEach((name, weight) -> Scope.free(() -> {
                        try (NoGradGuard guard = new NoGradGuard()) {
                            weight.normal_(0, 0.5, new Seed(2).child(name).optional());
                        }
                    }));
            int grids = 6;
            List<Seed> seeds =
                    LongStream.range(0, grids).mapToObj(new Seed(44)::child).toList();
            Scope.free(() -> {
                Tensor labels = Tensors.filled(LABEL, grids);
                List<double[]> heard = new ArrayList<>();
                Tensor drawn = prior.sample(prior.draw(Sampling.USUAL.guidance(1.5), RandomStreams.of(seeds), other)
                                .labels(labels)
                                .listener((at, log, codes) -> heard.add(Tensors.toDoubles(log))))
                        .view(grids, L);
                Tensor main = prior.network().logits(drawn, labels);
                Tensor less = other.network().logits(drawn, labels);
                double[] expected = Tensors.toDoubles(torch.log_softmax(
                        main.to(ScalarType.Double)
                                .mul(new Scalar(2.5))
                                .sub(less.to(ScalarType.Double).mul(new Scalar(1.5))),
                        -1));
                assertThat(heard).hasSize(L);
                for (int g = 0; g < grids; g++) {
                    for (int i = 0; i < L; i++) {
                        for (int k = 0; k < K; k++) {
                            assertThat(heard.get(i)[g * K + k]).isCloseTo(expected[(g * L + i) * K + k], within(1e-3));
                        }
                    }
                }
            });
        }
    }

    /** p(grid | {@link #LABEL}); temperature and top-k are done again here, by sorting; no nucleus. */
    private static double[] distribution(double guidance, GuidanceSchedule schedule, LogitFilter filter) {
        double[] p = new double[GRIDS];
        for (int g = 0; g < GRIDS; g++) {
            p[g] = 1;
            for (int i = 0; i < L; i++) {
                double w = guidance * schedule.share(i / (L - 1.0));
                double[] guided = new double[K];
                for (int k = 0; k < K; k++) {
                    guided[k] =
                            ((1 + w) * logits[LABEL][g][i][k] - w * logits[CLASSES][g][i][k]) / filter.temperature();
                }
                double[] sorted = guided.clone();
                Arrays.sort(sorted);
                double least = filter.filters().topK() == 0
                        ? sorted[0]
                        : sorted[K - filter.filters().topK()];
                double sum = Arrays.stream(guided)
                        .filter(each -> each >= least)
                        .map(Math::exp)
                        .sum();
                double own = guided[token(g, i)];
                p[g] *= own < least ? 0 : Math.exp(own) / sum;
            }
        }
        return p;
    }

    private static double variation(double[] p, double[] q) {
        double sum = 0;
        for (int i = 0; i < p.length; i++) {
            sum += Math.abs(p[i] - q[i]) / 2;
        }
        return sum;
    }

    private static double[] negativeLogLikelihood(int label, long seed) {
        return Scope.value(() -> Tensors.toDoubles(
                prior.negativeLogLikelihood(new TokenBatch(grids(), Tensors.filled(label, GRIDS)), new Seed(seed))));
    }

    /** int64 [625, 4] */
    private static Tensor grids() {
        return Tensors.longs(LongStream.range(0, (long) GRIDS * L)
                        .map(i -> token((int) i / L, (int) i % L))
                        .toArray())
                .view(GRIDS, L);
    }

    private static int token(int grid, int position) {
        return grid / (int) Math.pow(K, L - 1 - position) % K;
    }

    private static int grid(long[] codes, int from) {
        int grid = 0;
        for (int i = 0; i < L; i++) {
            grid = grid * K + (int) codes[from + i];
        }
        return grid;
    }
}
