package dev.smalti.prior.vqdiffusion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Parameters;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Drawing;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Transitions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class VqDiffusionTest {
    private static final int K = 3;
    private static final int L = 2;
    private static final TokenSpace SPACE = new TokenSpace(K, 1, L);

    /** What a stand-in for a network guesses of the first and of the second token. */
    private static final double[][] GUESS = {{0.5, 0.25, 0.25}, {0.1, 0.8, 0.1}};

    private static final Step STEP = new Step(1, 2, 5, 4, VqDiffusionTest::given, LogitFilter.NONE);

    private static Tensor given(Tensor xt, Tensor time, Tensor label, Tensor at) {
        double[] log = new double[L * K];
        Arrays.setAll(log, i -> Math.log(GUESS[i / K][i % K]));
        return Tensors.doubles(log).view(L, K).repeat(xt.size(0), 1).index_select(0, at);
    }

    @Test
    void seed_51_draws_the_surest_tokens_first_and_sharper() {
        int n = 20_000;
        try (VqDiffusion prior = prior(new Drawing(null, 2.0, null), null, null)) {
            double[][] found = new double[L][K];
            Scope.free(() -> {
                RandomStreams draws = draws(51, n);
                Tensor masks = Tensors.filled(K, n, L);
                long[] drawn = Tensors.toLongs(prior.surest(prior.draw(Sampling.USUAL, draws), masks, STEP, 1));
                for (int i = 0; i < n; i++) {
                    assertThat(drawn[L * i] == K).isNotEqualTo(drawn[L * i + 1] == K);
                    int place = drawn[L * i] == K ? 1 : 0;
                    found[place][(int) drawn[L * i + place]] += 1.0 / n;
                }
            });
            double[] score = {0.5 / 0.8, 1}; // over the greatest
            for (int place = 0; place < L; place++) {
                double[] sharp = new double[K];
                for (int k = 0; k < K; k++) {
                    sharp[k] = Math.pow(GUESS[place][k], 1 + 2 * score[place]);
                }
                double sum = Arrays.stream(sharp).sum();
                for (int k = 0; k < K; k++) {
                    double p = score[place] / (score[0] + score[1]) * sharp[k] / sum;
                    assertThat(found[place][k]).isCloseTo(p, within(4 * Math.sqrt(p * (1 - p) / n)));
                }
            }
        }
    }

    @Test
    void never_draws_by_purity_what_is_a_code_already() {
        try (VqDiffusion prior = prior(new Drawing(null, 0.0, null), null, null)) {
            Scope.free(() -> {
                RandomStreams draws = draws(1, 3);
                Tensor xt = Tensors.longs(K, 2, 0, 1, 1, K).view(3, L);
                long[] drawn = Tensors.toLongs(prior.surest(prior.draw(Sampling.USUAL, draws), xt, STEP, 2));
                assertThat(drawn[1]).isEqualTo(2);
                assertThat(Arrays.copyOfRange(drawn, 2, 5)).containsExactly(0, 1, 1);
                assertThat(drawn).doesNotContain(K);
            });
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4})
    void draws_as_many_tokens_at_each_step_as_the_purity_rule_says(int tokens) {
        TokenSpace space = new TokenSpace(K, 3, 4);
        Drawing drawing = new Drawing(null, 1.0, tokens == 0 ? null : tokens);
        List<Long> masks = new ArrayList<>();
        try (VqDiffusion prior = prior(space, drawing, null, null)) {
            Scope.free(() -> {
                RandomStreams draws = draws(2, 1);
                prior.sample(prior.draw(Sampling.USUAL.steps(5), draws)
                        .watcher((done, of, xt) -> masks.add(LongStream.of(Tensors.toLongs(xt))
                                .filter(x -> x == K)
                                .count())));
            });
        }
        List<Long> expected =
                switch (tokens) {
                    case 0 -> List.of(10L, 7L, 5L, 2L, 0L); // 12 spread over 5 steps
                    case 1 -> List.of(11L, 10L, 9L, 8L, 0L);
                    default -> List.of(8L, 4L, 0L, 0L, 0L);
                };
        assertThat(masks).isEqualTo(expected);
    }

    @Test
    void truncates_a_guess_as_a_callers_top_p_which_takes_its_place() {
        long[] truncated = sample(new Drawing(0.6, null, null), LogitFilter.NONE);
        assertThat(truncated).isEqualTo(sample(Drawing.PLAIN, new LogitFilter(1, 0, 0.6)));
        assertThat(truncated).isEqualTo(sample(new Drawing(0.9, null, null), new LogitFilter(1, 0, 0.6)));
        assertThat(truncated).isNotEqualTo(sample(Drawing.PLAIN, LogitFilter.NONE));
    }

    private static long[] sample(Drawing drawing, LogitFilter filter) {
        try (VqDiffusion prior = prior(drawing, null, null)) {
            return Scope.value(() -> {
                RandomStreams draws = draws(9, 40);
                return Tensors.toLongs(
                        prior.sample(VqDiffusionTest::given, prior.draw(Sampling.USUAL.filter(filter), draws)));
            });
        }
    }

    @Test
    void weighs_masked_tokens_and_others_but_not_at_the_last_step_back() {
        for (int time : new int[] {1, 5}) {
            double both = loss(List.of(1.0, 1.0), time);
            double masked = loss(List.of(1.0, 0.0), time);
            double others = loss(List.of(0.0, 1.0), time);
            if (time == 1) {
                assertThat(List.of(masked, others)).containsExactly(both, both);
            } else {
                assertThat(masked + others).isCloseTo(both, within(1e-9));
                assertThat(loss(List.of(3.0, 0.5), time)).isCloseTo(3 * masked + 0.5 * others, within(1e-9));
                assertThat(masked).isPositive();
                assertThat(others).isPositive();
            }
        }
    }

    private static double loss(List<Double> weights, int time) {
        try (VqDiffusion prior = prior(Drawing.PLAIN, weights, null)) {
            return Scope.value(() -> prior.each(
                            VqDiffusionTest::given,
                            Tensors.longs(0, 1).view(1, L),
                            Tensors.longs(K, 2).view(1, L),
                            null,
                            Tensors.longs(time),
                            Tensors.doubles(1),
                            Tensors.doubles(1))
                    .select(1, 0)
                    .item_double());
        }
    }

    @Test
    void draws_all_times_alike_until_each_was_seen_eleven_times() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            TimeHistory history = new TimeHistory(parameters, 3);
            Tensor each = Tensors.longs(1, 2, 3);
            for (int i = 0; i < 10; i++) {
                history.record(each, Tensors.doubles(1, 2, 3));
                assertThat(Tensors.toDoubles(history.probabilities()))
                        .containsExactly(new double[] {1 / 3.0, 1 / 3.0, 1 / 3.0}, within(1e-12));
            }
            history.record(each, Tensors.doubles(1, 2, 3));
            double share = 1 - Math.pow(0.9, 11); // what a moving average from 0 has of a constant
            double two = Math.sqrt(4 * share) + 1e-4;
            double three = Math.sqrt(9 * share) + 1e-4;
            double sum = two + two + three; // the first has the second's
            assertThat(Tensors.toDoubles(history.probabilities()))
                    .containsExactly(new double[] {two / sum, two / sum, three / sum}, within(1e-5));
        }
    }

    @Test
    void counts_the_last_loss_where_a_batch_has_several_at_one_time() {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            TimeHistory history = new TimeHistory(parameters, 3);
            history.record(Tensors.longs(2, 2, 1), Tensors.doubles(5, 2, 1));
            assertThat(Tensors.toDoubles(parameters.buffers().get("Lt_history")))
                    .containsExactly(new double[] {0.1, 0.4, 0}, within(1e-6));
            assertThat(Tensors.toDoubles(parameters.buffers().get("Lt_count"))).containsExactly(1, 2, 0);
        }
    }

    @Test
    void seed_61_draws_times_as_often_as_their_probability_says() {
        int n = 20_000;
        Scope.free(() -> {
            Generator generator = new Seed(61).generator();
            long[] times = Tensors.toLongs(TimeHistory.draw(Tensors.doubles(0.2, 0.7, 0.1), n, generator));
            for (int t = 1; t <= 3; t++) {
                int time = t;
                double p = new double[] {0.2, 0.7, 0.1}[t - 1];
                assertThat(LongStream.of(times).filter(each -> each == time).count() / (double) n)
                        .isCloseTo(p, within(4 * Math.sqrt(p * (1 - p) / n)));
            }
        });
    }

    @Test
    void keeps_the_history_in_buffers_if_times_are_drawn_by_importance() {
        try (VqDiffusion with = prior(Drawing.PLAIN, null, true);
                VqDiffusion without = prior(Drawing.PLAIN, null, false)) {
            Tensor seen = with.parameters().buffers().get("Lt_count");
            Scope.free(() -> {
                with.objectives().get(0).loss(batch(), 0, new Seed(1));
                without.objectives().get(0).loss(batch(), 0, new Seed(1));
                assertThat(seen.sum().item_double()).isEqualTo(16);
            });
            assertThat(without.parameters().buffers()).isEmpty();
        }
    }

    /** Whatever times are drawn, a loss over their probability has the same mean. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void measures_the_bound(boolean importance) {
        try (VqDiffusion prior = prior(Drawing.PLAIN, null, importance)) {
            double nats = Scope.value(() -> {
                Tensor codes = batch().codes().repeat(60, 1);
                return prior.negativeLogLikelihood(new TokenBatch(codes, null), new Seed(5))
                        .mean()
                        .item_double();
            });
            double measured = 0;
            for (int i = 0; i < 260; i++) {
                Seed seed = new Seed(i);
                double one = Scope.value(() -> prior.objectives()
                        .get(0)
                        .loss(batch(), 0, seed)
                        .measures()
                        .get("elbo_bits")
                        .item_double());
                measured += i < 60 ? 0 : one / 200;
            }
            if (importance) {
                assertThat(Scope.value(
                                () -> prior.history().probabilities().std(true).item_double()))
                        .as("spread of the probabilities of times")
                        .isGreaterThan(0.01);
            }
            assertThat(measured).isCloseTo(nats / L / Math.log(2), within(0.05 * measured));
        }
    }

    @ParameterizedTest
    @EnumSource(Transitions.class)
    void has_a_finite_loss_and_gradient_in_bfloat16(Transitions transitions) {
        VqDiffusionConfiguration configuration = new VqDiffusionConfiguration(
                network(), 10, transitions, null, null, null, null, null, null, null, null);
        try (VqDiffusion prior = new VqDiffusion(configuration, SPACE, 0, new Seed(1), Devices.cpu())) {
            Scope.free(() -> {
                Tensor loss = Precision.BF16.run(Devices.cpu(), () -> prior.objectives()
                        .get(0)
                        .loss(batch(), 0, new Seed(1))
                        .total());
                loss.backward();
                prior.parameters().weights().forEach((name, weight) -> assertThat(
                                weight.grad().isfinite().all().item_bool())
                        .as(name)
                        .isTrue());
            });
        }
    }

    @Test
    void refuses_what_it_cannot_do() {
        assertThatThrownBy(() -> new Drawing(0.0, null, null)).hasMessage("truncation must be in (0, 1], got 0.0");
        assertThatThrownBy(() -> new Drawing(null, -1.0, null)).hasMessage("purity must be at least 0, got -1.0");
        assertThatThrownBy(() -> new Drawing(null, 1.0, 0)).hasMessage("tokens must be at least 1, got 0");
        assertThatThrownBy(() -> new Drawing(null, null, 3))
                .hasMessage("tokens must be left out without purity, got 3");
        assertThatThrownBy(() -> prior(Drawing.PLAIN, List.of(1.0), null))
                .hasMessage("mask_weight must be two numbers of at least 0, got [1.0]");
        assertThatThrownBy(() -> new VqDiffusionConfiguration(
                        network(), 1, null, null, null, null, null, null, null, null, null))
                .hasMessage("steps must be at least 2, got 1");
        assertThatThrownBy(() -> new VqDiffusionConfiguration(
                        network(), null, null, null, -1.0, null, null, null, null, null, null))
                .hasMessage("auxiliary must be at least 0, got -1.0");
    }

    private static VqDiffusion prior(Drawing drawing, List<Double> weights, Boolean importance) {
        return prior(SPACE, drawing, weights, importance);
    }

    private static VqDiffusion prior(TokenSpace space, Drawing drawing, List<Double> weights, Boolean importance) {
        VqDiffusionConfiguration configuration = new VqDiffusionConfiguration(
                network(), 10, null, null, null, null, weights, importance, drawing, null, null);
        return new VqDiffusion(configuration, space, 0, new Seed(1), Devices.cpu());
    }

    private static VqDiffusionTransformerConfiguration network() {
        return new VqDiffusionTransformerConfiguration(1, 8, 2, false, 2, null, 0.3);
    }

    private static TokenBatch batch() {
        Tensor grids = Tensors.longs(0, 1, 2, 2, 1, 0, 2, 1).view(4, L);
        return new TokenBatch(grids.repeat(4, 1).to(ScalarType.Long), null);
    }

    private static RandomStreams draws(long seed, int grids) {
        return RandomStreams.of(
                LongStream.range(0, grids).mapToObj(new Seed(seed)::child).toList());
    }
}
