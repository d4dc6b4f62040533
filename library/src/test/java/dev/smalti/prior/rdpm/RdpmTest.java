package dev.smalti.prior.rdpm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.rdpm.RdpmConfiguration.Head;
import dev.smalti.prior.rdpm.RdpmConfiguration.Times;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Gaussian;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.residual.ResidualConfiguration;
import dev.smalti.tokenizer.residual.ResidualQuantizer;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;

/** Small enough for all grids: K = 2 codes on 1×2 places in T = 2 steps are 16. */
class RdpmTest {
    private static final TokenSpace SMALL = new TokenSpace(2, 1, 2, 2);
    private static final int D = 4;

    /** A few grids with all that a diffusion tokenizer adds, and a convolution if wanted. */
    static TokenFile tokens(TokenSpace space, int width, boolean convolved) {
        return Scope.value(() -> {
            TokenFile.Builder builder = TokenFile.of(space.grids(Tensors.filled(0, 3 * space.size())), space.codes())
                    .codebook(new Codebook(
                            Tensors.floats(numbers(1, space.codes() * width)).view(space.codes(), width)))
                    .noiseSeeds(Tensors.longs(5, 6, 7));
            Tensor alpha = Tensors.ones(space.depth());
            Tensor weight = Tensors.floats(numbers(2, width * width * 9))
                    .view(width, width, 3, 3)
                    .mul(new Scalar(0.2));
            Tensor bias = Tensors.floats(numbers(3, width));
            return builder.accumulation(new Accumulation(
                            alpha,
                            convolved ? Optional.of(weight) : Optional.empty(),
                            convolved ? Optional.of(bias) : Optional.empty()))
                    .build();
        });
    }

    /** A prior whose weights are random where they begin as zero, so that it minds all it is told. */
    private static Rdpm prior(TokenSpace space, int classes, Times times) {
        Rdpm prior = (Rdpm) new RdpmConfiguration(
                        new LlamaTransformerConfiguration(2, 16, 2, true, null, null),
                        D,
                        null,
                        Head.LOGITS,
                        null,
                        times,
                        null,
                        0.0)
                .build(space, classes, new Seed(3), Devices.cpu());
        try (TokenFile tokens = tokens(space, D, true)) {
            prior.prepare(tokens);
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                prior.parameters().weights().forEach((name, tensor) -> {
                    if (name.contains("modulation") || name.contains("head")) {
                        tensor.copy_(Tensors.floats(numbers(name.hashCode(), (int) tensor.numel()))
                                .view_as(tensor)
                                .mul(new Scalar(0.4)));
                    }
                });
            }
        });
        return prior;
    }

    @Test
    void probabilities_of_all_grids_given_any_noise_sum_to_1() {
        try (Rdpm prior = prior(SMALL, 2, null)) {
            Scope.free(() -> {
                for (long seed = 0; seed < 5; seed++) {
                    assertThat(Arrays.stream(probabilities(prior, seed, seed % 3))
                                    .sum())
                            .isCloseTo(1, within(1e-5));
                }
                assertThat(probabilities(prior, 1, 0)).isNotEqualTo(probabilities(prior, 2, 0));
                assertThat(probabilities(prior, 1, 0)).isNotEqualTo(probabilities(prior, 1, 1));
            });
        }
    }

    @Test
    void draws_grids_as_often_as_it_finds_them_likely() {
        try (Rdpm prior = prior(SMALL, 2, null)) {
            double[] expected = probabilities(prior, 4, 1);
            assertThat(frequencies(prior, Sampling.USUAL, 4, 1, 4000)).satisfies(found -> {
                for (int i = 0; i < 16; i++) { // five standard deviations
                    double deviation = Math.sqrt(expected[i] * (1 - expected[i]) / 4000);
                    assertThat(found[i]).isCloseTo(expected[i], within(5 * deviation + 1e-3));
                }
            });
        }
    }

    /** λ_t = λ (t - 1) / (T - 1): none at the first of two steps, all at the second. */
    @Test
    void linear_guidance_leaves_the_first_step_alone_and_constant_guidance_does_not() {
        try (Rdpm prior = prior(SMALL, 2, null)) {
            Sampling linear =
                    Sampling.USUAL.guidance(new GuidanceSettings(3, GuidanceSchedule.LINEAR, Interval.ALL, null));
            double[] plain = first(frequencies(prior, Sampling.USUAL, 4, 1, 1000));
            double[] later = first(frequencies(prior, linear, 4, 1, 1000));
            double[] constant = first(frequencies(prior, Sampling.USUAL.guidance(3), 4, 1, 1000));
            assertThat(later).containsExactly(plain, within(1e-9)); // the same random numbers make the same first codes
            assertThat(constant).isNotEqualTo(plain);
            assertThat(frequencies(prior, linear, 4, 1, 1000))
                    .isNotEqualTo(frequencies(prior, Sampling.USUAL, 4, 1, 1000));
        }
    }

    /** Of the four outcomes of the first step. */
    private static double[] first(double[] frequencies) {
        double[] sums = new double[4];
        for (int i = 0; i < 16; i++) {
            sums[i / 4] += frequencies[i];
        }
        return sums;
    }

    @Test
    void top_k_1_is_the_papers_argmax_at_every_step() {
        try (Rdpm prior = prior(SMALL, 2, null)) {
            Sampling argmax = Sampling.USUAL.filter(new LogitFilter(1, 1, 1));
            assertThat(Arrays.stream(frequencies(prior, argmax, 4, 1, 50)).filter(each -> each > 0))
                    .hasSize(1);
        }
    }

    @Test
    void all_steps_at_once_have_the_loss_of_the_likelihood() {
        try (Rdpm prior = prior(SMALL, 2, Times.ALL)) {
            Scope.free(() -> {
                TokenBatch batch = batch(9, 0);
                double loss = prior.objectives()
                        .get(0)
                        .loss(batch, 0, new Seed(1))
                        .total()
                        .item_double();
                double nats =
                        prior.negativeLogLikelihood(batch, new Seed(1)).mean().item_double();
                assertThat(loss).isCloseTo(nats / SMALL.size() / Math.log(2), within(1e-5));
            });
        }
    }

    @Test
    void one_step_a_grid_has_that_loss_in_the_mean() {
        try (Rdpm prior = prior(SMALL, 2, Times.ONE)) {
            Scope.free(() -> {
                TokenBatch batch = batch(9, 0);
                double[] losses = LongStream.range(0, 200)
                        .mapToDouble(i -> prior.objectives()
                                .get(0)
                                .loss(batch, i, new Seed(i).child("loss"))
                                .total()
                                .item_double())
                        .toArray();
                double mean = Arrays.stream(losses).average().orElseThrow();
                double deviation = Math.sqrt(Arrays.stream(losses)
                        .map(each -> (each - mean) * (each - mean))
                        .average()
                        .orElseThrow());
                double nats =
                        prior.negativeLogLikelihood(batch, new Seed(1)).mean().item_double();
                double error = 5 * deviation / Math.sqrt(losses.length);
                assertThat(error).isLessThan(0.15);
                assertThat(mean).isCloseTo(nats / SMALL.size() / Math.log(2), within(error));
            });
        }
    }

    /** The prior adds up what the tokenizer decodes: the same z'_T, and before it z'_t of the codes so far alone. */
    @Test
    void accumulates_as_the_tokenizer_does() {
        VqganConfiguration autoencoder = new VqganConfiguration(
                16,
                8,
                List.of(1, 1),
                1,
                1,
                null,
                2,
                null,
                null,
                true,
                new CodebookConfiguration(6, D, null, new CodebookConfiguration.Gradient(false)),
                new AdversarialConfiguration(0, 0.0, null, null, null, null, null),
                false,
                null,
                null);
        ResidualConfiguration configuration =
                new ResidualConfiguration(autoencoder, 3, null, null, null, null, null, null, null, null, null);
        try (Parameters parameters = new Parameters(new Seed(2), Devices.cpu());
                Tokenizer tokenizer = configuration.build(new Seed(2), Devices.cpu())) {
            ResidualQuantizer quantizer = new ResidualQuantizer(parameters, configuration);
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    parameters
                            .weights()
                            .forEach((name, tensor) ->
                                    tensor.copy_(Tensors.floats(numbers(name.hashCode(), (int) tensor.numel()))
                                            .view_as(tensor)));
                }
            });
            TokenSpace space = tokenizer.space();
            assertThat(space).isEqualTo(new TokenSpace(6, 4, 4, 3));
            Scope.free(() -> {
                Tensor codes = space.grids(Tensors.longs(
                        new SplittableRandom(1).longs(2 * space.size(), 0, 6).toArray()));
                TokenFile.Builder builder = TokenFile.of(codes, 6)
                        .codebook(new Codebook(quantizer.codebook().detach()))
                        .noiseSeeds(Tensors.longs(1, 2))
                        .accumulation(quantizer.accumulation().orElseThrow());
                try (TokenFile tokens = builder.build();
                        Rdpm prior = (Rdpm) new RdpmConfiguration(
                                        new LlamaTransformerConfiguration(1, 8, 1),
                                        D,
                                        null,
                                        Head.LOGITS,
                                        null,
                                        null,
                                        null,
                                        null)
                                .build(space, 0, new Seed(1), Devices.cpu())) {
                    prior.prepare(tokens);
                    Tensor flat = codes.flatten(2, -1);
                    Tensor all = prior.accumulated(flat, Tensors.longs(3, 3), space);
                    assertThat(farthest(all, quantizer.lookUp(codes))).isLessThan(1e-4);
                    assertThat(farthest(prior.accumulated(flat, Tensors.longs(0, 0), space), all.mul(new Scalar(0))))
                            .isZero();
                    Tensor other = codes.clone();
                    other.select(1, 2).fill_(new Scalar(5L));
                    assertThat(farthest(
                                    prior.accumulated(flat, Tensors.longs(2, 2), space),
                                    prior.accumulated(other.flatten(2, -1), Tensors.longs(2, 2), space)))
                            .isZero();
                }
            });
        }
    }

    @Test
    void recipes_that_give_guesses_alone_mean_the_head_they_meant() {
        assertThat(head(null, null)).isEqualTo("GUESSES 4");
        assertThat(head(null, 7)).isEqualTo("GUESSES 7");
        assertThat(head(null, 0)).isEqualTo("LOGITS 0");
        assertThat(head(Head.GUESSES, null)).isEqualTo("GUESSES 4");
        assertThat(head(Head.TIED, null)).isEqualTo("TIED 0");
        assertThat(head(Head.TIED, 0)).isEqualTo("TIED 0");
        assertThatThrownBy(() -> head(Head.GUESSES, 0)).hasMessageContaining("guesses must be at least 1");
        assertThatThrownBy(() -> head(Head.TIED, 2)).hasMessageContaining("head must be guesses with guesses: 2");
    }

    private static String head(Head head, Integer guesses) {
        RdpmConfiguration made = new RdpmConfiguration(
                new LlamaTransformerConfiguration(1, 8, 1), D, null, head, guesses, null, null, null);
        return made.head() + " " + made.guesses();
    }

    @Test
    void refuses_tokens_without_what_it_needs_and_steps_that_are_not_its_own() {
        RdpmConfiguration configuration = new RdpmConfiguration(
                new LlamaTransformerConfiguration(1, 8, 1), D, null, Head.LOGITS, null, null, null, null);
        RdpmConfiguration guesses =
                new RdpmConfiguration(new LlamaTransformerConfiguration(1, 8, 1), D, null, null, 2, null, null, null);
        assertThatThrownBy(() -> configuration.check(new TokenSpace(2, 1, 2)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("there is one code a position");
        Scope.free(() -> {
            Tensor codes = SMALL.grids(Tensors.filled(0, 2 * SMALL.size()));
            try (Rdpm prior = prior(SMALL, 0, null);
                    Prior guessing = guesses.build(SMALL, 0, new Seed(1), Devices.cpu());
                    TokenFile bare = TokenFile.of(codes, 2).build();
                    TokenFile silent = TokenFile.of(codes, 2)
                            .codebook(new Codebook(Tensors.zeros(2, D)))
                            .build();
                    TokenFile pure = TokenFile.of(codes, 2)
                            .codebook(new Codebook(Tensors.zeros(2, D)))
                            .noiseSeeds(Tensors.longs(1, 2))
                            .build();
                    TokenFile wide = tokens(SMALL, D + 1, false)) {
                assertThatThrownBy(() -> prior.prepare(bare)).hasMessageContaining("there is no codebook");
                assertThatThrownBy(() -> prior.prepare(silent)).hasMessageContaining("there are no noise_seeds");
                assertThatThrownBy(() -> guessing.prepare(pure))
                        .hasMessageContaining("there is no alpha, and prior.head, guesses, needs");
                assertThatThrownBy(() -> prior.prepare(wide))
                        .hasMessage("prior.dimension must be the width of the codebook, 5, got 4");
                assertThatThrownBy(() ->
                                prior.negativeLogLikelihood(new TokenBatch(codes.flatten(1, -1), null), new Seed(1)))
                        .hasMessageContaining("noise seeds are required");
                RandomStreams draws = RandomStreams.of(List.of(new Seed(1)));
                assertThatThrownBy(() -> prior.sample(prior.draw(Sampling.USUAL.steps(7), draws)))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage("steps must be left out or 2, the codes at each place, which are drawn one after"
                                + " the other, got 7");
            }
        });
    }

    /** p(C | ε) of all 16 grids. */
    private static double[] probabilities(Rdpm prior, long seed, long label) {
        return Scope.value(
                () -> Arrays.stream(Tensors.toDoubles(prior.negativeLogLikelihood(batch(seed, label), new Seed(1))))
                        .map(nats -> Math.exp(-nats))
                        .toArray());
    }

    private static TokenBatch batch(long seed, long label) {
        long[] codes =
                LongStream.range(0, 64).map(i -> i / 4 >> (3 - i % 4) & 1).toArray();
        return new TokenBatch(Tensors.longs(codes).view(16, 4), Tensors.filled(label, 16), Tensors.filled(seed, 16));
    }

    /** How often each of the 16 grids is drawn with one noise. */
    private static double[] frequencies(Rdpm prior, Sampling sampling, long noise, long label, int count) {
        List<Seed> seeds =
                LongStream.range(0, count).mapToObj(new Seed(8)::child).toList();
        return Scope.value(() -> {
            RandomStreams draws = new OneNoise(RandomStreams.of(seeds), noise);
            Tensor drawn = prior.sample(prior.draw(sampling, draws).labels(Tensors.filled(label, count)));
            assertThat(Dims.of(drawn)).containsExactly(count, 2, 1, 2);
            double[] frequencies = new double[16];
            long[] codes = Tensors.toLongs(drawn);
            for (int i = 0; i < count; i++) {
                int number = 0;
                for (int bit = 0; bit < 4; bit++) {
                    number = 2 * number + (int) codes[4 * i + bit];
                }
                frequencies[number] += 1.0 / count;
            }
            return frequencies;
        });
    }

    /** Random numbers of each grid's own, and the same noise for all. */
    private record OneNoise(RandomStreams draws, long seed) implements RandomStreams {
        @Override
        public long grids() {
            return draws.grids();
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return draws.uniform(use, step, length);
        }

        @Override
        public long[] noiseSeeds() {
            return LongStream.generate(() -> seed).limit(grids()).toArray();
        }
    }

    private static double farthest(Tensor a, Tensor b) {
        return a.sub(b).abs().max().item_double();
    }

    private static float[] numbers(long seed, int count) {
        float[] numbers = new float[count];
        Gaussian.fill(new SplittableRandom(seed), numbers, 0, count);
        return numbers;
    }

    /** N(0, 1), the same for a seed. */
    static Tensor random(long seed, long... sizes) {
        return Tensors.floats(numbers(seed, (int) Arrays.stream(sizes).reduce(1, (a, b) -> a * b)))
                .view(sizes);
    }
}
