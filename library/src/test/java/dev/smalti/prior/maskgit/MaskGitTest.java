package dev.smalti.prior.maskgit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.process.Halton;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MaskGitTest {
    private static final int K = 5;
    private static final int GRIDS = 3;
    private static final TokenSpace SPACE = new TokenSpace(K, 3, 4);
    private static final int L = 12;
    private static final TransformerConfiguration NETWORK = new TransformerConfiguration(2, 8, 2, null, 0.5);

    private static MaskGit build(MaskGitConfiguration configuration) {
        return new MaskGit(configuration, SPACE, 0, new Seed(1), Devices.cpu());
    }

    private static MaskGit build(Masking masking, Double smoothing, Double unmasked) {
        return build(new MaskGitConfiguration(NETWORK, null, null, masking, smoothing, unmasked, null, null, null));
    }

    private static MaskGitSampling sampling(MaskSchedule schedule, Double exponent, Order order) {
        return new MaskGitSampling(null, schedule, exponent, order, null, null);
    }

    private static List<Seed> seeds(long seed, int count) {
        return LongStream.range(0, count).mapToObj(new Seed(seed)::child).toList();
    }

    @ParameterizedTest
    @EnumSource(MaskSchedule.class)
    void masks_less_and_less(MaskSchedule schedule) {
        Double exponent = schedule == MaskSchedule.POWER ? 3.0 : null;
        double before = schedule.share(0, exponent, 256);
        assertThat(before).isCloseTo(1, within(1.0 / 256));
        for (int i = 1; i <= 20; i++) {
            double share = schedule.share(i / 20.0, exponent, 256);
            assertThat(share).isLessThan(before);
            before = share;
        }
        assertThat(before).isEqualTo(1e-6);
    }

    @ParameterizedTest
    @CsvSource({
        "COSINE, 0.707107",
        "ARCCOS, 0.666667",
        "LINEAR, 0.5",
        "SQUARE, 0.75",
        "ROOT, 0.292893",
        "POWER, 0.875",
        "LOG, 0.125",
        "EXP, 0.9375",
        "CUBIC, 0.875",
        "RELEASED_SQUARE, 0.25"
    })
    void has_the_share_of_the_paper_or_the_released_code_at_a_half(MaskSchedule schedule, double share) {
        Double exponent = schedule == MaskSchedule.POWER ? 3.0 : null;
        assertThat(schedule.share(0.5, exponent, 256)).isCloseTo(share, within(1e-6));
    }

    /** ⌊256 cos(πs/16)⌋ are masked after step s of 8. */
    @Test
    void reveals_256_tokens_in_8_steps_as_the_paper() {
        assertThat(MaskGitSampling.USUAL.known(256, 8)).containsExactly(5, 20, 44, 75, 114, 159, 207, 256);
    }

    /** 256 less ⌊256 γ(s / 8)⌋ after step s: those of the paper, and last the square of the released code. */
    @ParameterizedTest
    @CsvSource({
        "COSINE, 5 20 44 75 114 159 207 256",
        "SQUARE, 4 16 36 64 100 144 196 256",
        "CUBIC, 1 4 14 32 63 108 172 256",
        "EXP, 2 4 8 16 32 64 128 256",
        "LINEAR, 32 64 96 128 160 192 224 256",
        "ROOT, 91 128 157 182 203 222 240 256",
        "LOG, 160 192 211 224 235 243 250 256",
        "ARCCOS, 21 42 63 86 111 139 174 256",
        "RELEASED_SQUARE, 60 112 156 192 220 240 252 256"
    })
    void knows_so_many_of_256_tokens_after_each_of_8_steps(MaskSchedule schedule, String known) {
        int[] expected = Stream.of(known.split(" ")).mapToInt(Integer::parseInt).toArray();
        assertThat(sampling(schedule, null, Order.CONFIDENCE).known(256, 8)).containsExactly(expected);
    }

    /** The square of a uniform number, as the released code draws it. */
    @Test
    void the_square_of_the_released_code_masks_a_third_of_what_it_trains_on_and_that_of_the_paper_two_thirds() {
        int n = 10_000;
        double released = 0;
        double paper = 0;
        for (int i = 0; i < n; i++) {
            double r = (i + 0.5) / n;
            released += MaskSchedule.RELEASED_SQUARE.share(r, null, 256) / n;
            paper += MaskSchedule.SQUARE.share(r, null, 256) / n;
        }
        assertThat(released).isCloseTo(1.0 / 3, within(1e-6));
        assertThat(paper).isCloseTo(2.0 / 3, within(1e-6));
    }

    @Test
    void reveals_one_token_at_least_in_each_step() {
        for (Order order : Order.values()) {
            for (MaskSchedule schedule : MaskSchedule.values()) {
                MaskGitSampling how = sampling(schedule, schedule == MaskSchedule.POWER ? 4.0 : null, order);
                for (int steps = 1; steps <= 20; steps++) {
                    int[] known = how.known(20, steps);
                    assertThat(known).hasSize(steps).doesNotHaveDuplicates().isSorted();
                    assertThat(known[0]).isGreaterThanOrEqualTo(1);
                    assertThat(known[steps - 1]).isEqualTo(20);
                }
                assertThat(how.known(20, 20))
                        .isEqualTo(IntStream.rangeClosed(1, 20).toArray());
            }
        }
    }

    @Test
    void visits_every_cell_of_a_grid_of_any_shape_once() {
        for (int[] shape : new int[][] {{1, 1}, {1, 7}, {5, 1}, {4, 6}, {9, 9}, {32, 24}}) {
            long[] order = Halton.order(shape[0], shape[1]);
            assertThat(order).hasSize(shape[0] * shape[1]).doesNotHaveDuplicates();
            assertThat(LongStream.of(order)).allMatch(cell -> cell >= 0 && cell < order.length);
        }
        // (1/2, 1/3), (1/4, 2/3), (3/4, 1/9), (1/8, 4/9) of 4 rows and 6 columns
        assertThat(Arrays.copyOf(Halton.order(4, 6), 4)).containsExactly(2 * 6 + 2, 6 + 4, 3 * 6, 2);
    }

    /** Checks that it is asked for masked positions only, and counts them. */
    private static final class Counter implements Denoiser {
        private final Denoiser inner;
        private final List<Long> asked = new ArrayList<>();
        private final List<Double> time = new ArrayList<>();

        Counter(Denoiser inner) {
            this.inner = inner;
        }

        @Override
        public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
            assertThat(Tensors.toLongs(xt.flatten().index_select(0, at))).containsOnly(K);
            asked.add(at.size(0));
            this.time.add(Tensors.toDoubles(time)[0]);
            return inner.logits(xt, time, label, at);
        }
    }

    @ParameterizedTest
    @EnumSource(Order.class)
    void reveals_as_many_tokens_as_are_due_and_never_changes_a_known_one(Order order) {
        for (int steps : new int[] {1, 4, 7, L}) {
            MaskGitSampling how = sampling(null, null, order);
            int[] known = how.known(L, steps);
            try (MaskGit prior = build(MaskGitConfiguration.of(NETWORK).sampling(how))) {
                RandomStreams draws = RandomStreams.of(seeds(13, GRIDS));

                List<long[]> seen = new ArrayList<>();
                Counter counter = new Counter(prior.network());
                Scope.free(() -> prior.sample(
                        counter, prior.draw(Sampling.USUAL.steps(steps), draws).watcher((done, of, xt) -> {
                            assertThat(of).isEqualTo(steps);
                            seen.add(Tensors.toLongs(xt));
                        })));
                for (int s = 0; s < steps; s++) {
                    long[] now = seen.get(s);
                    for (int grid = 0; grid < GRIDS; grid++) {
                        long[] each = Arrays.copyOfRange(now, grid * L, grid * L + L);
                        assertThat(LongStream.of(each)
                                        .filter(token -> token < K)
                                        .count())
                                .as("known after step " + s)
                                .isEqualTo(known[s]);
                    }
                    int before = s == 0 ? 0 : known[s - 1];
                    for (int i = 0; i < now.length && s > 0; i++) {
                        assertThat(seen.get(s - 1)[i]).isIn(now[i], (long) K);
                    }
                    assertThat(counter.asked.get(s))
                            .isEqualTo((long) GRIDS * ((order == Order.CONFIDENCE ? L : known[s]) - before));
                    assertThat(counter.time.get(s)).isCloseTo(1 - (double) before / L, within(1e-6));
                }
                assertThat(seen.get(steps - 1)).doesNotContain(K);
            }
        }
    }

    @Test
    void seed_14_masks_exactly_as_many_tokens_as_the_schedule_says() {
        try (MaskGit prior = build(Masking.FIXED, null, null)) {
            Scope.free(() -> {
                double[] r = {0, 0.3, 0.5, 0.9, 0.999};
                Tensor u = Tensors.uniform(new Seed(14).generator(), r.length, L);
                Tensor lost = prior.lost(Tensors.floats(0, 0.3f, 0.5f, 0.9f, 0.999f), u)
                        .to(ScalarType.Long);
                assertThat(Tensors.toLongs(lost.sum(1)))
                        .containsExactly(IntStream.range(0, r.length)
                                .mapToLong(i -> Math.max(1, (long) Math.ceil(L * Math.cos(Math.PI / 2 * r[i]))))
                                .toArray());
            });
        }
    }

    @Test
    void seed_15_masks_each_token_with_the_probability_of_the_schedule() {
        try (MaskGit prior = build(Masking.INDEPENDENT, null, null)) {
            Scope.free(() -> {
                int grids = 2000;
                Tensor u = Tensors.uniform(new Seed(15).generator(), grids, L);
                Tensor lost = prior.lost(
                        torch.full(new long[] {grids}, new Scalar(0.3), Tensors.options(ScalarType.Double)), u);
                double p = Math.cos(Math.PI / 2 * 0.3);
                assertThat(lost.to(ScalarType.Double).mean().item_double())
                        .isCloseTo(p, within(4 * Math.sqrt(p * (1 - p) / grids / L)));
            });
        }
    }

    /** libtorch's smoothed cross-entropy, weighted. */
    @ParameterizedTest
    @CsvSource({"0, 0", "0.1, 0", "0.3, 0", "0.1, 0.1", "0, 1"})
    void has_the_smoothed_cross_entropy_of_libtorch(double smoothing, double unmasked) {
        try (MaskGit prior = build(Masking.FIXED, smoothing, unmasked)) {
            Scope.free(() -> {
                Tensor x0 = torch.randint(
                        K, new long[] {GRIDS, L}, new Seed(16).optional(), Tensors.options(ScalarType.Long));
                Tensor lost =
                        Tensors.uniform(new Seed(17).generator(), GRIDS, L).lt(new Scalar(0.4));
                Tensor logits = prior.network().logits(x0.masked_fill(lost, new Scalar((long) K)), null, null, null);
                Tensor weight = lost.flatten().to(ScalarType.Float).clamp_min(new Scalar(unmasked));
                double expected =
                        entropy(logits, x0, smoothing).mul(weight).sum().item_double()
                                / weight.sum().item_double();
                double bits = entropy(logits, x0, 0)
                                .masked_select(lost.flatten())
                                .mean()
                                .item_double()
                        / Math.log(2);
                Loss loss = prior.trainingLoss(x0, null, lost, null);
                assertThat(loss.total().item_double()).isCloseTo(expected, within(1e-5));
                assertThat(loss.measures().get("masked_bits").item_double()).isCloseTo(bits, within(1e-5));
            });
        }
    }

    private static Tensor entropy(Tensor logits, Tensor x0, double smoothing) {
        return torch.cross_entropy_loss(logits, x0.flatten(), new TensorOptional(), 0, -100, smoothing);
    }

    @Test
    void has_no_loss_and_no_gradient_where_nothing_is_masked() {
        try (MaskGit prior = build(Masking.INDEPENDENT, null, null)) {
            Tensor x0 = Tensors.filled(1, GRIDS, L);
            Tensor total = prior.trainingLoss(x0, null, torch.zeros_like(x0).to(ScalarType.Bool), null)
                    .total();
            total.backward();
            assertThat(total.item_double()).isZero();
            prior.parameters().weights().forEach((name, weight) -> assertThat(Tensors.toFloats(weight.grad()))
                    .as(name)
                    .containsOnly(0));
        }
    }

    /** All sets of lost tokens of one grid, for K = 3 and L = 3. */
    @Test
    void seed_18_estimates_the_bound_without_smoothing() {
        TokenSpace space = new TokenSpace(3, 1, 3);
        MaskGitConfiguration configuration = MaskGitConfiguration.of(NETWORK);
        try (MaskGit prior = new MaskGit(configuration, space, 0, new Seed(1), Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            Scope.free(() -> {
                Tensor grid = Tensors.longs(2, 0, 1).view(1, 3);
                double exact = 0;
                for (int set = 1; set < 8; set++) {
                    int m = Integer.bitCount(set);
                    Tensor lost = Tensors.longs(set & 1, set >> 1 & 1, set >> 2)
                            .view(1, 3)
                            .to(ScalarType.Bool);
                    Tensor xt = grid.masked_fill(lost, new Scalar(3L));
                    Tensor each = entropy(prior.network().logits(xt, null, null, null), grid, 0);
                    exact += each.masked_select(lost.flatten()).sum().item_double() / m / (m == 3 ? 1 : 3);
                }
                int grids = 4000;
                double[] nats = Tensors.toDoubles(prior.negativeLogLikelihood(
                        new TokenBatch(grid.expand(grids, 3).contiguous(), null), new Seed(18)));
                double mean = Arrays.stream(nats).average().orElseThrow();
                double variance = Arrays.stream(nats)
                        .map(x -> (x - mean) * (x - mean))
                        .average()
                        .orElseThrow();
                assertThat(mean).isCloseTo(exact, within(4 * Math.sqrt(variance / grids)));
                assertThat(Math.sqrt(variance / grids)).isLessThan(0.02 * exact);
            });
        }
    }

    @Test
    void takes_no_more_steps_than_a_small_grid_has_tokens() {
        assertThat(MaskGitSampling.USUAL.steps(4)).isEqualTo(4);
        assertThat(MaskGitSampling.USUAL.steps(256)).isEqualTo(8);
        assertThat(sampling(null, null, Order.HALTON).steps(256)).isEqualTo(32);
    }

    @Test
    void refuses_more_steps_than_tokens() {
        String message = "steps must be at most the 12 tokens of a grid, since each step reveals one at least, got 13";
        MaskGitSampling many = new MaskGitSampling(13, null, null, null, null, null);
        assertThatThrownBy(() -> build(MaskGitConfiguration.of(NETWORK).sampling(many)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
        try (MaskGit prior = build(MaskGitConfiguration.of(NETWORK))) {
            RandomStreams draws = RandomStreams.of(seeds(1, 1));

            assertThatThrownBy(() -> prior.sample(prior.draw(Sampling.USUAL.steps(13), draws)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(message);
        }
    }

    @Test
    void refuses_options_that_belong_to_another_choice() {
        assertThatThrownBy(() -> new MaskGitSampling(0, null, null, null, null, null))
                .hasMessage("steps must be at least 1, got 0");
        assertThatThrownBy(() -> new MaskGitSampling(8, null, null, Order.HALTON, 4.5, null))
                .hasMessage("noise belongs to the order confidence and must be left out for halton, got 4.5");
        assertThatThrownBy(() -> new MaskGitSampling(8, null, null, null, null, true))
                .hasMessage("roll belongs to the order halton and must be left out for confidence, got true");
        assertThatThrownBy(() -> new MaskGitSampling(8, null, null, null, -1.0, null))
                .hasMessage("noise must be at least 0, got -1.0");
        assertThatThrownBy(() -> sampling(MaskSchedule.COSINE, 2.0, null))
                .hasMessage("exponent belongs to the schedule power and must be left out for cosine, got 2.0");
        assertThatThrownBy(() -> sampling(MaskSchedule.POWER, null, null))
                .hasMessage("exponent of the schedule power must be above 0, got null");
        assertThatThrownBy(() -> sampling(MaskSchedule.POWER, 0.0, null))
                .hasMessage("exponent of the schedule power must be above 0, got 0.0");
    }

    @Test
    void refuses_training_that_makes_no_sense() {
        assertThatThrownBy(() -> MaskGitConfiguration.of(null))
                .hasMessage("network is required: give layers, width and heads");
        assertThatThrownBy(() -> build(null, 1.0, null)).hasMessage("label_smoothing must be in [0, 1), got 1.0");
        assertThatThrownBy(() -> build(null, null, 1.1)).hasMessage("unmasked_weight must be in [0, 1], got 1.1");
        assertThatThrownBy(() -> new MaskGitConfiguration(NETWORK, null, 2.0, null, null, null, null, null, null))
                .hasMessage("exponent belongs to the schedule power and must be left out for cosine, got 2.0");
        assertThatThrownBy(() -> new MaskGitConfiguration(NETWORK, null, null, null, null, null, null, null, 2.0))
                .hasMessage("label_dropping must be in [0, 1], got 2.0");
    }
}
