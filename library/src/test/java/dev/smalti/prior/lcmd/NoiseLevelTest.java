package dev.smalti.prior.lcmd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Levels of noise, steps between them and the schedule, against the formulas of Gaussians and numbers on a grid. */
class NoiseLevelTest {
    @Test
    void alpha_and_sigma_are_the_roots_of_parts_of_one_and_lambda_is_their_ratio() {
        Scope.free(() -> {
            for (double lambda : new double[] {-15, -3, 0, 0.7, 15}) {
                double alpha = value(level(lambda).alpha());
                double sigma = value(level(lambda).sigma());
                assertThat(alpha * alpha + sigma * sigma).isCloseTo(1, within(1e-12));
                assertThat(Math.log(alpha * alpha / (sigma * sigma))).isCloseTo(lambda, within(1e-9));
                assertThat(level(lambda).time(dev.smalti.tensor.Devices.cpu()).item_double())
                        .isCloseTo(Math.log(sigma / alpha), within(1e-6));
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"0.5, 15", "1, 3", "0.1, 8"})
    void as_many_of_the_spread_times_are_below_each_of_them_as_there_are(double shift, double limit) {
        ShiftedCosine schedule = new ShiftedCosine(shift, limit);
        int n = 2000;
        Scope.free(() -> {
            double[] u = IntStream.range(0, n).mapToDouble(i -> (i + 0.5) / n).toArray();
            double[] t = DoubleStream.of(Tensors.toDoubles(schedule.times(Tensors.doubles(u))))
                    .sorted()
                    .toArray();
            double[] below = Tensors.toDoubles(schedule.below(Tensors.doubles(t)));
            assertThat(below).containsExactly(u, within(1.0 / n));
            assertThat(Tensors.toDoubles(schedule.below(Tensors.doubles(0, 1)))).containsExactly(0, 1);
        });
    }

    @Test
    void noised_embeddings_have_mean_alpha_e_and_deviation_sigma() {
        Scope.free(() -> {
            Tensor e = cube(0.3, -1.2);
            Tensor noise = cube(0.5, 2);
            double alpha = value(level(0.4).alpha());
            double sigma = value(level(0.4).sigma());
            assertThat(Tensors.toDoubles(level(0.4).noised(e, noise)))
                    .containsExactly(new double[] {0.3 * alpha + 0.5 * sigma, -1.2 * alpha + 2 * sigma}, within(1e-12));
        });
    }

    /** q(z_s | z_t, x) in one dimension by Bayes' rule on a grid of z_s. */
    @ParameterizedTest
    @CsvSource({"-1, 0.5, 0.8, -0.3", "-4, -3.9, 1.1, 2", "0, 6, -0.4, 0.1", "2, 2.5, 0, 1"})
    void the_posterior_is_that_of_bayes_rule_on_a_grid(double lambdaT, double lambdaS, double x, double zt) {
        Scope.free(() -> {
            NoiseLevel t = level(lambdaT);
            NoiseLevel s = level(lambdaS);
            double alphaS = value(s.alpha());
            double sigmaS = value(s.sigma());
            double between = value(t.alpha()) / alphaS; // α_{t|s}
            double variance = Math.pow(value(t.sigma()), 2) - Math.pow(between * sigmaS, 2); // σ²_{t|s}
            double mass = 0;
            double first = 0;
            double second = 0;
            double step = 1e-4;
            for (double zs = -10; zs <= 10; zs += step) {
                double p = normal(zs, alphaS * x, sigmaS * sigmaS) * normal(zt, between * zs, variance) * step;
                mass += p;
                first += p * zs;
                second += p * zs * zs;
            }
            double mean = first / mass;
            assertThat(t.posteriorMean(cube(zt), cube(x), s).item_double()).isCloseTo(mean, within(1e-6));
            assertThat(value(t.posteriorVariance(s))).isCloseTo(second / mass - mean * mean, within(1e-6));
            assertThat(t.ancestral(cube(zt), cube(x), s, cube(1.5)).item_double())
                    .isCloseTo(mean + 1.5 * Math.sqrt(second / mass - mean * mean), within(1e-5));
        });
    }

    @Test
    void a_guess_that_is_linear_in_the_level_is_extrapolated_to_the_middle_of_the_step() {
        Scope.free(() -> {
            Tensor at = Tensors.doubles(3, -1).view(1, 1, 2); // the guess is this times λ
            Tensor ahead =
                    level(-1).extrapolated(at.mul(new Scalar(-1.0)), at.mul(new Scalar(-3.0)), level(-3), level(2));
            assertThat(Tensors.toDoubles(ahead)).containsExactly(new double[] {3 * 0.5, -0.5}, within(1e-12));
            Tensor still = level(-1).extrapolated(at, at.mul(new Scalar(9.0)), level(-1), level(2));
            assertThat(Tensors.toDoubles(still)).as("after a step of no length").containsExactly(3, -1);
        });
    }

    @Test
    void a_ddim_step_with_the_clean_embedding_keeps_the_noise_and_changes_its_share() {
        Scope.free(() -> {
            Tensor e = cube(0.3, -1.2, 2);
            Tensor noise = cube(0.5, 2, -0.1);
            Tensor stepped = level(-2).ddim(level(-2).noised(e, noise), e, level(1.3));
            assertThat(Tensors.toDoubles(stepped))
                    .containsExactly(Tensors.toDoubles(level(1.3).noised(e, noise)), within(1e-12));
        });
    }

    @Test
    void evidence_differs_between_codes_as_the_log_density_does() {
        Scope.free(() -> {
            Tensor codes = Tensors.doubles(0.3, -1.2, 2, 0.5, 0, 0.1).view(3, 2);
            Tensor z = cube(0.4, 0.9);
            double[] evidence = Tensors.toDoubles(level(1.1).evidence(z, codes));
            double alpha = value(level(1.1).alpha());
            double variance = Math.pow(value(level(1.1).sigma()), 2);
            double[] log = new double[3];
            double[] e = Tensors.toDoubles(codes);
            for (int k = 0; k < 3; k++) {
                log[k] =
                        Math.log(normal(0.4, alpha * e[2 * k], variance) * normal(0.9, alpha * e[2 * k + 1], variance));
            }
            assertThat(evidence[1] - evidence[0]).isCloseTo(log[1] - log[0], within(1e-9));
            assertThat(evidence[2] - evidence[0]).isCloseTo(log[2] - log[0], within(1e-9));
        });
    }

    @Test
    void the_distance_from_noise_is_the_divergence_on_a_grid() {
        Scope.free(() -> {
            double x = 1.7;
            double mean = value(level(-1).alpha()) * x;
            double variance = Math.pow(value(level(-1).sigma()), 2);
            double divergence = 0;
            double step = 1e-4;
            for (double z = -12; z <= 12; z += step) {
                double q = normal(z, mean, variance);
                divergence += q == 0 ? 0 : q * Math.log(q / normal(z, 0, 1)) * step;
            }
            assertThat(level(-1).divergenceFromNoise(cube(x)).item_double()).isCloseTo(divergence, within(1e-6));
        });
    }

    /** ½ (SNR(s) - SNR(t)) |e - x̂|², Kingma et al. 2021, eq. 14, and in the limit of many steps the integral of the slope. */
    @Test
    void the_diffusion_loss_is_the_divergence_of_the_steps() {
        Scope.free(() -> {
            ShiftedCosine schedule = new ShiftedCosine(0.5, null);
            double clean = 0.9;
            double guess = 0.2;
            double sum = 0;
            double weighed = 0;
            int steps = 20_000;
            for (int i = 4_000; i < 16_000; i++) { // from t = 0.2 to t = 0.8
                NoiseLevel t = schedule.at(Tensors.doubles((i + 1.0) / steps));
                NoiseLevel s = schedule.at(Tensors.doubles((double) i / steps));
                double variance = value(t.posteriorVariance(s));
                double difference = t.posteriorMean(cube(0.5), cube(clean), s).item_double()
                        - t.posteriorMean(cube(0.5), cube(guess), s).item_double();
                double divergence = difference * difference / (2 * variance); // of Gaussians of equal variance
                double ofSnr = Math.exp(value(s.lambda())) - Math.exp(value(t.lambda()));
                assertThat(divergence).isCloseTo(ofSnr / 2 * Math.pow(clean - guess, 2), within(1e-6));
                sum += divergence;
                NoiseLevel middle = schedule.at(Tensors.doubles((i + 0.5) / steps));
                weighed += Math.exp(value(middle.lambda())) / value(schedule.perLevel(middle)) / steps;
            }
            assertThat(weighed / 2 * Math.pow(clean - guess, 2)).isCloseTo(sum, within(1e-4));
        });
    }

    @Test
    void the_schedule_is_the_cosine_without_shift_and_has_more_noise_with_a_shift_below_one() {
        Scope.free(() -> {
            for (double t : new double[] {0.05, 0.3, 0.5, 0.9}) {
                Tensor time = Tensors.doubles(t);
                assertThat(value(new ShiftedCosine(1.0, null).at(time).alpha()))
                        .isCloseTo(Math.cos(Math.PI * t / 2), within(1e-9));
                double shifted = value(new ShiftedCosine(0.25, null).at(time).lambda());
                double plain = value(new ShiftedCosine(1.0, null).at(time).lambda());
                assertThat(shifted - plain).isCloseTo(2 * Math.log(0.25), within(1e-9));
            }
            ShiftedCosine schedule = new ShiftedCosine(0.5, 10.0);
            assertThat(value(schedule.at(Tensors.doubles(0)).lambda())).isEqualTo(10);
            assertThat(value(schedule.at(Tensors.doubles(1)).lambda())).isEqualTo(-10);
        });
    }

    /** Σ 1 / density over levels is the length of the range. */
    @Test
    void levels_for_an_integral_are_as_dense_as_they_say() {
        Scope.free(() -> {
            ShiftedCosine schedule = new ShiftedCosine(0.3, 12.0);
            int n = 100_000;
            double[] u = new double[n];
            for (int i = 0; i < n; i++) {
                u[i] = (i + 0.5) / n;
            }
            NoiseLevel level = schedule.at(schedule.times(Tensors.doubles(u)));
            Tensor weight = schedule.density(level).reciprocal();
            assertThat(weight.mean().item_double()).isCloseTo(24, within(1e-2));
            assertThat(weight.mul(level.lambda().square()).mean().item_double())
                    .isCloseTo(2 * Math.pow(12, 3) / 3, within(1.0));
            Tensor even = schedule.evenness(level);
            assertThat(even.max().item_double()).isLessThanOrEqualTo(2);
            assertThat(even.mul(level.alpha()).mean().item_double())
                    .as("the mean of α over even times")
                    .isCloseTo(schedule.at(Tensors.doubles(u)).alpha().mean().item_double(), within(1e-3));
        });
    }

    @Test
    void a_schedule_refuses_shifts_and_limits_that_are_none() {
        assertThatThrownBy(() -> new ShiftedCosine(0.0, null)).hasMessage("shift must be above 0, got 0.0");
        assertThatThrownBy(() -> new ShiftedCosine(null, -1.0))
                .hasMessage("limit must be above 0 and at most 50, got -1.0");
    }

    private static NoiseLevel level(double lambda) {
        return new NoiseLevel(Tensors.doubles(lambda));
    }

    private static double value(Tensor one) {
        return one.item_double();
    }

    /** [1, 1, D] */
    private static Tensor cube(double... numbers) {
        return Tensors.doubles(numbers).view(1, 1, -1);
    }

    private static double normal(double z, double mean, double variance) {
        return Math.exp(-(z - mean) * (z - mean) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
    }
}
