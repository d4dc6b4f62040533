package dev.smalti.tokenizer.residual;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Gaussian;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Accumulation;
import dev.smalti.token.DiffusionNoise;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import dev.smalti.tokenizer.residual.ResidualConfiguration.Difference;
import dev.smalti.tokenizer.residual.ResidualConfiguration.Weights;
import dev.smalti.tokenizer.residual.ResidualQuantizer.Steps;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiConsumer;
import java.util.function.IntFunction;
import org.assertj.core.data.Offset;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Small cases against loops in Java. B = 2 maps of 3×2 places, d = 4, K = 32. */
class ResidualQuantizerTest {
    private static final int D = 4;
    private static final int K = 32;
    private static final int STEPS = 5;

    static VqganConfiguration autoencoder(boolean movingAverage) {
        return new VqganConfiguration(
                16,
                16,
                List.of(1, 1),
                1,
                1,
                null,
                2,
                null,
                null,
                true,
                movingAverage
                        ? new CodebookConfiguration(K, D, null, CodebookConfiguration.MovingAverage.USUAL)
                        : new CodebookConfiguration(K, D, null, new CodebookConfiguration.Gradient(false)),
                new AdversarialConfiguration(2, 0.1, null, 8, 1, null, null),
                false,
                null,
                null);
    }

    static ResidualConfiguration asInThePaper(VqganConfiguration autoencoder, int steps) {
        return new ResidualConfiguration(autoencoder, steps, null, null, null, null, null, null, null, null, null);
    }

    private static ResidualConfiguration configuration(
            Mixing schedule, Double base, boolean convolution, boolean stopGradients, boolean detach) {
        return new ResidualConfiguration(
                autoencoder(false), STEPS, true, schedule, base, null, convolution, stopGradients, detach, null, null);
    }

    private static ResidualConfiguration usual() {
        return configuration(Mixing.POWER, null, true, true, true);
    }

    @Test
    void the_accumulated_vectors_and_the_last_residual_are_the_map() {
        with(usual(), (quantizer, parameters) -> {
            Steps steps = quantizer.steps(map(), noise(1), null);
            assertThat(distance(steps.sum().add(steps.rest()), steps.v())).isLessThan(1e-5);
            assertThat(distance(steps.sum(), steps.v()))
                    .as("and not because nothing is left")
                    .isGreaterThan(0.01);
            assertThat(Dims.of(steps.codes())).containsExactly(2, STEPS, 3, 2);
        });
    }

    /** Every step by hand: the mixture, the nearest code by distance, the convolution as nested loops. */
    @Test
    void does_what_algorithm_1_says() {
        with(usual(), (quantizer, parameters) -> {
            Steps steps = quantizer.steps(map(), noise(1), null);
            float[] v = Tensors.toFloats(steps.v());
            float[] table = Tensors.toFloats(quantizer.codebook());
            float[] weight = Tensors.toFloats(parameters.weights().get("phi.weight"));
            float[] bias = Tensors.toFloats(parameters.weights().get("phi.bias"));
            double[] rest = toDoubles(v);
            double loss = 0;
            for (int t = 1; t <= STEPS; t++) {
                double alpha = Math.pow(0.75, STEPS - t);
                float[] epsilon = Tensors.toFloats(noise(1).apply(t));
                double[] mixed = new double[rest.length];
                for (int i = 0; i < rest.length; i++) {
                    mixed[i] = alpha * rest[i] + Math.sqrt(1 - alpha * alpha) * epsilon[i];
                }
                long[] codes = nearest(mixed, table);
                assertThat(Tensors.toLongs(steps.codes().select(1, t - 1L)))
                        .as("C_" + t)
                        .isEqualTo(codes);
                double[] quantized = phi(codes, table, weight, bias);
                double error = 0;
                for (int i = 0; i < rest.length; i++) {
                    error += Math.pow(mixed[i] - quantized[i], 2) / rest.length;
                    rest[i] -= quantized[i];
                }
                loss += alpha * 1.25 * error;
            }
            assertThat(steps.loss().item_double()).isCloseTo(loss, within(1e-4));
            float[] left = Tensors.toFloats(steps.rest());
            for (int i = 0; i < rest.length; i++) {
                assertThat((double) left[i]).isCloseTo(rest[i], within(1e-4));
            }
            Tensor looked = quantizer.lookUp(steps.codes());
            assertThat(distance(looked, steps.sum())).isLessThan(1e-5);
        });
    }

    /** Over the channels of each place, without gains that could outgrow the noise. */
    @Test
    void the_map_has_mean_0_and_variance_1_at_every_place() {
        with(asInThePaper(autoencoder(false), STEPS), (quantizer, parameters) -> {
            Tensor v =
                    quantizer.steps(map().mul(new Scalar(30)), noise(1), null).v();
            assertThat(distance(v.mean(1), v.mean(1).mul(new Scalar(0)))).isLessThan(1e-5);
            Tensor square = v.pow(new Scalar(2)).mean(1);
            assertThat(distance(square, square.mul(new Scalar(0)).add(new Scalar(1.0))))
                    .isLessThan(1e-3);
            assertThat(parameters.weights().keySet()).noneMatch(name -> name.startsWith("norm"));
        });
    }

    @Test
    void is_plain_residual_quantization_where_alpha_is_1() {
        ResidualConfiguration plain = configuration(Mixing.POWER, 1.0, false, true, true);
        with(plain, (quantizer, parameters) -> {
            Steps steps = quantizer.steps(
                    map(),
                    t -> {
                        throw new AssertionError("asked for noise");
                    },
                    null);
            float[] table = Tensors.toFloats(quantizer.codebook());
            double[] rest = toDoubles(Tensors.toFloats(steps.v()));
            for (int t = 1; t <= STEPS; t++) {
                long[] codes = nearest(rest, table);
                assertThat(Tensors.toLongs(steps.codes().select(1, t - 1L))).isEqualTo(codes);
                double[] chosen = phi(codes, table, null, null);
                Arrays.setAll(rest, i -> rest[i] - chosen[i]);
            }
        });
    }

    /** The codes are those of the regenerated noise and of no other: it is exactly the noise that was quantized. */
    @Test
    void noise_grown_again_from_its_seed_is_the_noise_that_was_quantized() {
        with(usual(), (quantizer, parameters) -> {
            long[] seeds = {71, -5};
            List<float[]> quantized = new ArrayList<>();
            quantizer.steps(
                    map(),
                    t -> {
                        Tensor each = DiffusionNoise.of(seeds, t, D, 3, 2);
                        quantized.add(Tensors.toFloats(each));
                        return each;
                    },
                    null);
            long[] codes = Tensors.toLongs(quantizer.encode(map(), seeds));
            for (int t = 1; t < STEPS; t++) {
                float[] alone = Tensors.toFloats(DiffusionNoise.of(new long[] {-5}, t, D, 3, 2));
                float[] both = quantized.get(t - 1);
                assertThat(Arrays.copyOfRange(both, both.length / 2, both.length))
                        .isEqualTo(alone);
            }
            assertThat(quantized).hasSize(STEPS - 1); // at t = T there is none
            Steps again = quantizer.steps(map(), t -> DiffusionNoise.of(seeds, t, D, 3, 2), null);
            assertThat(Tensors.toLongs(again.codes())).isEqualTo(codes);
            assertThat(Tensors.toLongs(quantizer.encode(map(), new long[] {72, -5})))
                    .isNotEqualTo(codes);
        });
    }

    @Test
    void the_gradient_passes_straight_through_to_the_map_and_not_to_the_codebook() {
        with(usual(), (quantizer, parameters) -> {
            Tensor z = map().set_requires_grad(true);
            Tensor out = Tensors.floats(numbers(9, 48)).view(2, D, 3, 2);
            Quantized quantized = quantizer.quantize(z, new Seed(3));
            quantized.vectors().mul(out).sum().backward();
            assertThat(parameters.weights().get("embedding.weight").grad().defined())
                    .isFalse();
            assertThat(parameters.weights().get("phi.weight").grad().defined()).isFalse();
            float[] through = Tensors.toFloats(z.grad());
            // the same through the layer norm alone
            Tensor again = map().set_requires_grad(true);
            quantizer.steps(again, noise(1), null).v().mul(out).sum().backward();
            assertThat(through).containsExactly(Tensors.toFloats(again.grad()), offset());
        });
    }

    @Test
    void with_stop_gradients_the_codebook_learns_from_its_own_half_and_the_encoder_from_delta_times_the_other() {
        with(configuration(Mixing.POWER, null, false, true, true), (quantizer, parameters) -> {
            Tensor z = map().set_requires_grad(true);
            quantizer.steps(z, noise(1), null).loss().backward();
            float[] split = Tensors.toFloats(z.grad());
            float[] codes = gradient(parameters, "embedding.weight");
            with(configuration(Mixing.POWER, null, false, false, true), (verbatim, others) -> {
                Tensor same = map().set_requires_grad(true);
                verbatim.steps(same, noise(1), null).loss().backward();
                // to the letter both sides weigh δ; split, the codes weigh 1
                assertThat(split).containsExactly(Tensors.toFloats(same.grad()), offset());
                float[] quarter = gradient(others, "embedding.weight");
                for (int i = 0; i < codes.length; i++) {
                    assertThat(quarter[i]).isCloseTo(0.25f * codes[i], within(1e-6f));
                }
            });
        });
    }

    /** The gradient of codes that only the first step uses: its own term's, and, not detached, the later steps' too. */
    @Test
    void detached_residuals_stop_gradients_to_earlier_steps() {
        ResidualConfiguration detached = configuration(Mixing.LINEAR, null, false, true, true);
        ResidualConfiguration attached = configuration(Mixing.LINEAR, null, false, true, false);
        with(detached, (quantizer, parameters) -> {
            Steps steps = quantizer.steps(map(), noise(1), null);
            steps.loss().backward();
            float[] own = ownGradient(quantizer, steps, detached);
            float[] found = gradient(parameters, "embedding.weight");
            for (int i = 0; i < own.length; i++) {
                assertThat(found[i]).isCloseTo(own[i], within(1e-5f));
            }
            with(attached, (other, others) -> {
                other.steps(map(), noise(1), null).loss().backward();
                assertThat(farthest(gradient(others, "embedding.weight"), own)).isGreaterThan(1e-3);
            });
        });
    }

    /** Σ over t and places of -2 γ_t (v_t - e) / n at the chosen codes. */
    private static float[] ownGradient(ResidualQuantizer quantizer, Steps steps, ResidualConfiguration configuration) {
        float[] table = Tensors.toFloats(quantizer.codebook());
        double[] rest = toDoubles(Tensors.toFloats(steps.v()));
        double[] gradient = new double[table.length];
        for (int t = 1; t <= STEPS; t++) {
            float[] epsilon = t == STEPS ? new float[rest.length] : Tensors.toFloats(noise(1).apply(t));
            long[] codes = Tensors.toLongs(steps.codes().select(1, t - 1L));
            double[] chosen = phi(codes, table, null, null);
            for (int i = 0; i < rest.length; i++) {
                double mixed = configuration.alpha(t) * rest[i] + configuration.beta(t) * epsilon[i];
                int place = i / (D * 6) * 6 + i % 6;
                int at = (int) codes[place] * D + i / 6 % D;
                gradient[at] -= 2 * configuration.gamma(t) * (mixed - chosen[i]) / rest.length;
            }
            Arrays.setAll(rest, i -> rest[i] - chosen[i]);
        }
        float[] floats = new float[gradient.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) gradient[i];
        }
        return floats;
    }

    @ParameterizedTest
    @EnumSource(Mixing.class)
    void schedules_rise_to_1_where_no_noise_is_left(Mixing schedule) {
        ResidualConfiguration configuration = configuration(schedule, null, true, true, true);
        for (int t = 1; t <= STEPS; t++) {
            double alpha = configuration.alpha(t);
            assertThat(alpha * alpha + configuration.beta(t) * configuration.beta(t))
                    .isCloseTo(1, within(1e-12));
            assertThat(alpha).isGreaterThan(t == 1 ? 0 : configuration.alpha(t - 1));
            assertThat(configuration.gamma(t)).isEqualTo(alpha);
        }
        assertThat(configuration.alpha(STEPS)).isEqualTo(1);
        assertThat(configuration.beta(STEPS)).isZero();
    }

    /** Figure 5 of the paper, T = 10. */
    @Test
    void schedules_of_ten_steps_have_the_papers_values() {
        assertThat(Mixing.SIN.alpha(1, 10, 0.75)).isCloseTo(0.1564, within(1e-4));
        assertThat(Mixing.LINEAR.alpha(1, 10, 0.75)).isCloseTo(0.1, within(1e-12));
        assertThat(Mixing.POWER.alpha(1, 10, 0.75)).isCloseTo(0.0751, within(1e-4));
    }

    @Test
    void a_moving_average_codebook_comes_into_use_at_every_step() {
        ResidualConfiguration moving = asInThePaper(autoencoder(true), STEPS);
        with(moving, (quantizer, parameters) -> {
            parameters.training(true);
            Tensor z = Tensors.floats(numbers(5, 64 * D * 16)).view(64, D, 4, 4);
            for (int i = 0; i < 60; i++) {
                int number = i;
                Scope.free(() -> quantizer.quantize(z, new Seed(number)));
            }
            parameters.training(false);
            long[] seeds = new SplittableRandom(1).longs(64).toArray();
            Tensor codes = quantizer.encode(z, seeds);
            for (int t = 0; t < STEPS; t++) {
                long used = Arrays.stream(Tensors.toLongs(codes.select(1, t)))
                        .distinct()
                        .count();
                assertThat(used).as("codes in use at step " + (t + 1)).isGreaterThan(K / 2);
            }
        });
    }

    @Test
    void tells_priors_how_its_codes_add_up() {
        with(usual(), (quantizer, parameters) -> {
            Accumulation told = quantizer.accumulation().orElseThrow();
            assertThat(Tensors.toFloats(told.alpha())).hasSize(STEPS).endsWith(0.75f, 1f);
            assertThat(Dims.of(told.weight().orElseThrow())).containsExactly(D, D, 3, 3);
        });
        with(configuration(Mixing.SIN, null, false, true, true), (quantizer, parameters) -> assertThat(
                        quantizer.accumulation().orElseThrow().weight())
                .isEmpty());
    }

    @Test
    void refuses_what_makes_no_sense() {
        assertThatThrownBy(() -> asInThePaper(autoencoder(true), 1))
                .hasMessage("steps must be at least 2 (kind vqgan takes one), got 1");
        assertThatThrownBy(() -> configuration(Mixing.SIN, 0.5, true, true, true))
                .hasMessage("base needs schedule: power");
        assertThatThrownBy(() -> configuration(Mixing.POWER, 1.5, true, true, true))
                .hasMessage("base must be in (0, 1], got 1.5");
        assertThatThrownBy(() -> asInThePaper(null, 4)).hasMessageContaining("autoencoder is required");
    }

    @Test
    void weighs_every_step_alike_for_the_ablation() {
        ResidualConfiguration alike = new ResidualConfiguration(
                autoencoder(true), STEPS, null, null, null, Weights.ONE, null, null, null, null, null);
        assertThat(alike.gamma(1)).isEqualTo(1);
    }

    @Test
    void the_reconstruction_counts_as_much_as_it_is_told_to() {
        Scope.free(() -> {
            Tensor difference = Tensors.floats(-0.5f, 2);
            assertThat(Tensors.toFloats(weighed(null, null).distance(difference)))
                    .containsExactly(0.25f, 4);
            assertThat(Tensors.toFloats(weighed(null, 3.0).distance(difference)))
                    .containsExactly(0.75f, 12);
            assertThat(Tensors.toFloats(weighed(Difference.ABSOLUTE, 3.0).distance(difference)))
                    .containsExactly(1.5f, 6);
        });
        assertThatThrownBy(() -> weighed(null, 0.0)).hasMessage("reconstruction must be above 0, got 0.0");
    }

    private static ResidualConfiguration weighed(Difference difference, Double reconstruction) {
        return new ResidualConfiguration(
                autoencoder(true), STEPS, null, null, null, null, null, null, null, difference, reconstruction);
    }

    private static void with(ResidualConfiguration configuration, BiConsumer<ResidualQuantizer, Parameters> body) {
        try (Parameters parameters = new Parameters(new Seed(6), Devices.cpu())) {
            ResidualQuantizer quantizer = new ResidualQuantizer(parameters, configuration);
            Scope.free(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    // codes and a convolution that differ from their first values, which are almost nothing
                    parameters.weights().forEach((name, tensor) -> {
                        if (!name.startsWith("norm")) {
                            double size = name.startsWith("phi") ? 0.1 : 1;
                            tensor.copy_(Tensors.floats(numbers(name.hashCode(), (int) tensor.numel()))
                                    .view_as(tensor)
                                    .mul(new Scalar(size)));
                        }
                    });
                }
            });
            Scope.free(() -> body.accept(quantizer, parameters));
        }
    }

    private static Tensor map() {
        return Tensors.floats(numbers(2, 48)).view(2, D, 3, 2);
    }

    private static IntFunction<Tensor> noise(long seed) {
        return t -> DiffusionNoise.of(new long[] {seed, seed + 1}, t, D, 3, 2);
    }

    private static float[] numbers(long seed, int count) {
        float[] numbers = new float[count];
        Gaussian.fill(new SplittableRandom(seed), numbers, 0, count);
        return numbers;
    }

    private static double[] toDoubles(float[] floats) {
        double[] doubles = new double[floats.length];
        Arrays.setAll(doubles, i -> floats[i]);
        return doubles;
    }

    /** [2, D, 3, 2] -> [2, 3, 2] */
    private static long[] nearest(double[] map, float[] table) {
        long[] codes = new long[12];
        for (int place = 0; place < 12; place++) {
            double least = Double.MAX_VALUE;
            for (int k = 0; k < K; k++) {
                double distance = 0;
                for (int c = 0; c < D; c++) {
                    double difference = map[place / 6 * D * 6 + c * 6 + place % 6] - table[k * D + c];
                    distance += difference * difference;
                }
                if (distance < least) {
                    least = distance;
                    codes[place] = k;
                }
            }
        }
        return codes;
    }

    /** q + conv(q) with padding 1; q alone without weights. [2, 3, 2] -> [2, D, 3, 2] */
    private static double[] phi(long[] codes, float[] table, float[] weight, float[] bias) {
        double[] out = new double[12 * D];
        for (int i = 0; i < out.length; i++) {
            int b = i / (D * 6);
            int c = i / 6 % D;
            int y = i % 6 / 2;
            int x = i % 2;
            out[i] = table[(int) codes[b * 6 + y * 2 + x] * D + c];
            if (weight == null) {
                continue;
            }
            out[i] += bias[c];
            for (int from = 0; from < D; from++) {
                for (int dy = -1; dy <= 1; dy++) {
                    for (int dx = -1; dx <= 1; dx++) {
                        if (y + dy >= 0 && y + dy < 3 && x + dx >= 0 && x + dx < 2) {
                            float w = weight[((c * D + from) * 3 + dy + 1) * 3 + dx + 1];
                            out[i] += w * table[(int) codes[b * 6 + (y + dy) * 2 + x + dx] * D + from];
                        }
                    }
                }
            }
        }
        return out;
    }

    private static float[] gradient(Parameters parameters, String name) {
        return Tensors.toFloats(parameters.weights().get(name).grad());
    }

    private static double distance(Tensor a, Tensor b) {
        return a.sub(b).abs().max().item_double();
    }

    private static double farthest(float[] a, float[] b) {
        double most = 0;
        for (int i = 0; i < a.length; i++) {
            most = Math.max(most, Math.abs(a[i] - b[i]));
        }
        return most;
    }

    private static Offset<Float> offset() {
        return within(1e-5f);
    }
}
