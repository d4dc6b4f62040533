package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class KernelDistanceTest {
    /** Standard normal features, float64 [N, D]. */
    private static Tensor normal(long seed, long n, long d) {
        return torch.randn(new long[] {n, d}, new Seed(seed).optional(), Tensors.options(ScalarType.Double));
    }

    @Test
    void is_torch_fidelitys_over_the_same_subsets() {
        Fixture fixture = Fixture.of("metrics");
        int subsets = fixture.settings("kid_subsets").asInt();
        Estimate kid = Estimate.over(IntStream.range(0, subsets)
                .mapToDouble(i -> KernelDistance.of(
                        fixture.in("real")
                                .index_select(0, fixture.in("kid_index_real").select(0, i)),
                        fixture.in("fake")
                                .index_select(0, fixture.in("kid_index_fake").select(0, i))))
                .toArray());
        fixture.check("kid_mean", Tensors.doubles(kid.mean()).squeeze(), 1e-4);
        fixture.check("kid_std", Tensors.doubles(kid.deviation()).squeeze(), 1e-4);
        double all = KernelDistance.of(fixture.in("real"), fixture.in("fake"));
        fixture.check("kid_all", Tensors.doubles(all).squeeze(), 1e-4);
    }

    @Test
    void blocks_give_the_sums_over_all_pairs() {
        double[][] x = rows(normal(1, 1100, 2));
        double[][] y = rows(normal(2, 1500, 2).add(new Scalar(0.2)));
        double expected =
                between(x, x) / (1100.0 * 1099) + between(y, y) / (1500.0 * 1499) - 2 * between(x, y) / (1100.0 * 1500);
        assertThat(KernelDistance.of(normal(1, 1100, 2), normal(2, 1500, 2).add(new Scalar(0.2))))
                .isCloseTo(expected, within(1e-11));
    }

    private static double[][] rows(Tensor features) {
        double[] flat = Tensors.toDoubles(features);
        return IntStream.range(0, flat.length / 2)
                .mapToObj(i -> new double[] {flat[2 * i], flat[2 * i + 1]})
                .toArray(double[][]::new);
    }

    /** Σ k(x, y) over pairs, of one set without those of an image with itself. */
    private static double between(double[][] x, double[][] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < y.length; j++) {
                sum += x == y && i == j ? 0 : Math.pow((x[i][0] * y[j][0] + x[i][1] * y[j][1]) / 2 + 1, 3);
            }
        }
        return sum;
    }

    @Test
    void two_draws_of_one_distribution_are_at_0_in_the_mean_over_1000_pairs() {
        double[] each = draws(0);
        Estimate estimate = Estimate.over(each);
        assertThat(estimate.mean()).isCloseTo(0, within(4 * estimate.deviation() / Math.sqrt(each.length)));
        assertThat(Arrays.stream(each).min().orElseThrow())
                .as("the least estimate of 0")
                .isNegative();
    }

    @Test
    void draws_from_n_0_1_and_n_1_1_are_at_22_in_the_mean_over_1000_pairs() {
        double[] each =
                draws(1); // E k = 4 for two of N(0, 1), 32 for two of N(1, 1), 7 for one of each: 4 + 32 - 2 · 7
        Estimate estimate = Estimate.over(each);
        assertThat(estimate.mean()).isCloseTo(22, within(4 * estimate.deviation() / Math.sqrt(each.length)));
    }

    private static double[] draws(double shift) {
        return IntStream.range(0, 1000)
                .mapToDouble(i -> Scope.value(() -> KernelDistance.of(
                        normal(2 * i, 20, 1), normal(2 * i + 1, 30, 1).add(new Scalar(shift)))))
                .toArray();
    }

    @Test
    void subsets_follow_the_seed_and_agree_with_all_images() {
        Tensor real = normal(3, 500, 8);
        Tensor fake = normal(4, 400, 8).mul(new Scalar(1.5));
        Estimate estimate = KernelDistance.of(real, fake, 50, 100, new Seed(5));
        assertThat(estimate).isEqualTo(KernelDistance.of(real, fake, 50, 100, new Seed(5)));
        assertThat(estimate).isNotEqualTo(KernelDistance.of(real, fake, 50, 100, new Seed(6)));
        assertThat(estimate.mean())
                .isCloseTo(KernelDistance.of(real, fake), within(4 * estimate.deviation() / Math.sqrt(50)));
        assertThat(KernelDistance.of(real, real, 3, 500, new Seed(7)).deviation())
                .isCloseTo(0, within(1e-12));
    }

    @Test
    void grows_with_every_degradation() {
        Tensor real = normal(6, 2000, 16);
        double before = KernelDistance.of(real, normal(7, 2000, 16));
        assertThat(before).isCloseTo(0, within(0.01));
        for (double noise : new double[] {1, 2, 4}) {
            double after = KernelDistance.of(
                    real, normal(7, 2000, 16).add(normal(8, 2000, 16).mul(new Scalar(noise))));
            assertThat(after).as("distance at noise %s", noise).isGreaterThan(before + 0.01);
            before = after;
        }
    }

    @Test
    void bad_features_are_refused_by_name() {
        Tensor x = normal(9, 5, 3);
        assertThatThrownBy(() -> KernelDistance.of(x, x, 10, 6, new Seed(0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("subsets must not be larger than either set, got 6 of 5 real and 5 fake images; "
                        + "add images or take smaller subsets");
        assertThatThrownBy(() -> KernelDistance.of(x, x, 10, 1, new Seed(0)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a kernel distance needs at least 1 subset and 2 images in each, got 10 of 1");
        assertThatThrownBy(() -> KernelDistance.of(x, x.log()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("fake features must be finite, got \\d+ of 15 that are not; .*");
        assertThatThrownBy(() -> KernelDistance.of(x, normal(9, 5, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("real and fake features must have one dimension, got 3 and 4; take both from one network");
    }
}
