package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class FrechetDistanceTest {
    /** Standard normal features, float64 [N, D]. */
    private static Tensor normal(long seed, long n, long d) {
        return torch.randn(new long[] {n, d}, new Seed(seed).optional(), Tensors.options(ScalarType.Double));
    }

    private static double distance(Tensor real, Tensor fake) {
        return FrechetDistance.of(FeatureStatistics.of(real), FeatureStatistics.of(fake));
    }

    @Test
    void mean_covariance_and_distance_are_torch_fidelitys() {
        Fixture fixture = Fixture.of("metrics");
        FeatureStatistics real = FeatureStatistics.of(fixture.in("real"));
        FeatureStatistics fake = FeatureStatistics.of(fixture.in("fake"));
        fixture.check("mu_real", real.mean(), 1e-5); // the reference's mean is float32
        fixture.check("mu_fake", fake.mean(), 1e-5);
        fixture.check("cov_real", real.covariance(), 1e-5);
        fixture.check("cov_fake", fake.covariance(), 1e-5);
        fixture.check("fid", Tensors.doubles(FrechetDistance.of(real, fake)).squeeze(), 1e-4);
    }

    @Test
    void few_images_give_torch_fidelitys_distance() {
        Fixture fixture = Fixture.of("metrics");
        long small = fixture.settings("n_small").asLong();
        FeatureStatistics real = FeatureStatistics.of(fixture.in("real").narrow(0, 0, small));
        FeatureStatistics fake = FeatureStatistics.of(fixture.in("fake").narrow(0, 0, small));
        fixture.check(
                "fid_small", Tensors.doubles(FrechetDistance.of(real, fake)).squeeze(), 1e-3);
    }

    @Test
    void a_set_is_at_distance_0_from_itself_even_of_few_images() {
        for (long n : new long[] {10, 1000}) {
            Tensor features = normal(1, n, 64);
            assertThat(distance(features, features)).isCloseTo(0, within(1e-11));
        }
    }

    @Test
    void is_the_same_in_either_order() {
        Tensor real = normal(1, 100, 16);
        Tensor fake = normal(2, 50, 16).mul(new Scalar(3.0));
        assertThat(distance(real, fake)).isCloseTo(distance(fake, real), within(1e-10));
    }

    @Test
    void a_shift_counts_by_its_square_and_a_scale_by_that_of_the_standard_deviation() {
        Tensor x = normal(3, 500, 8);
        double variance = FeatureStatistics.of(x).covariance().trace().item_double();
        Tensor shift = Tensors.doubles(1, -2, 3, 0, 0, 0, 0, 0.5); // |shift|² = 14.25
        Tensor moved = x.mul(new Scalar(1.5)).add(shift);
        Tensor own = x.mean(0).mul(new Scalar(0.5)).add(shift);
        assertThat(distance(x, x.add(shift))).isCloseTo(14.25, within(1e-10));
        assertThat(distance(x, moved)).isCloseTo(own.dot(own).item_double() + 0.25 * variance, within(1e-10));
    }

    @Test
    void gaussians_with_independent_features_have_the_closed_form() {
        Tensor zero = torch.zeros(new long[] {3}, Tensors.options(ScalarType.Double));
        FeatureStatistics real =
                new FeatureStatistics(99, zero, Tensors.doubles(1, 4, 9).diag());
        FeatureStatistics fake = new FeatureStatistics(
                99, Tensors.doubles(0, 3, 4), Tensors.doubles(4, 0, 16).diag());
        assertThat(FrechetDistance.of(real, fake)).isCloseTo(25 + 1 + 4 + 1, within(1e-10)); // Σ (σ₁ - σ₂)²
    }

    @Test
    void batches_give_what_all_at_once_gives_even_far_from_0() {
        Tensor features = normal(4, 1000, 6).add(new Scalar(1e6));
        FeatureStatistics whole = FeatureStatistics.of(features);
        try (FeatureMoments moments = new FeatureMoments()) {
            for (long start = 0; start < 1000; start += 300) {
                moments.add(features.narrow(0, start, Math.min(300, 1000 - start)));
            }
            FeatureStatistics parts = moments.statistics();
            assertThat(parts.count()).isEqualTo(1000);
            assertThat(Tensors.toDoubles(parts.mean())).containsExactly(Tensors.toDoubles(whole.mean()), within(1e-8));
            assertThat(Tensors.toDoubles(parts.covariance()))
                    .containsExactly(Tensors.toDoubles(torch.cov(features.t())), within(1e-8));
            assertThat(parts.covariance()).isNotSameAs(whole.covariance());
        }
    }

    @Test
    void a_whole_set_is_taken_in_blocks_whatever_its_size() {
        for (long n : new long[] {2, 1023, 1024, 1025, 2500}) {
            Tensor features = normal(10, n, 5).mul(new Scalar(3.0)).add(new Scalar(1e4));
            FeatureStatistics statistics = FeatureStatistics.of(features);
            assertThat(statistics.count()).isEqualTo(n);
            assertThat(Tensors.toDoubles(statistics.covariance()))
                    .as("covariance of %d", n)
                    .containsExactly(Tensors.toDoubles(torch.cov(features.t())), within(1e-8));
            assertThat(Tensors.toDoubles(statistics.mean()))
                    .as("mean of %d", n)
                    .containsExactly(Tensors.toDoubles(features.mean(0)), within(1e-8));
        }
    }

    @Test
    void a_stream_of_batches_leaks_nothing() {
        Tensor batch = normal(5, 20, 4);
        try (FeatureMoments moments = new FeatureMoments()) {
            moments.add(batch);
            long before = Pointer.totalCount();
            for (int i = 0; i < 100; i++) {
                moments.add(batch);
            }
            assertThat(Pointer.totalCount()).isEqualTo(before);
        }
    }

    @Test
    void grows_with_every_degradation() {
        Tensor real = normal(6, 2000, 16);
        double before = distance(real, normal(7, 2000, 16));
        assertThat(before).isLessThan(0.2);
        for (double noise : new double[] {0.3, 0.6, 1.2, 2.4}) {
            double after =
                    distance(real, normal(7, 2000, 16).add(normal(8, 2000, 16).mul(new Scalar(noise))));
            assertThat(after).as("distance at noise %s", noise).isGreaterThan(before + 0.01);
            before = after;
        }
    }

    @Test
    void bad_features_are_refused_by_name() {
        Tensor x = normal(9, 5, 3);
        assertThatThrownBy(() -> FeatureStatistics.of(x.narrow(0, 0, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a covariance needs at least 2 images, got 1; add images");
        assertThatThrownBy(() -> FeatureStatistics.of(x.log()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("features must be finite, got \\d+ of 15 that are not; .*");
        assertThatThrownBy(() -> distance(x, normal(9, 5, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("real and fake features must have one dimension, got 3 and 4; take both from one network");
        assertThatThrownBy(() -> FeatureStatistics.of(x.flatten()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("features must have shape [?, ?], got [15]");
        try (FeatureMoments moments = new FeatureMoments()) {
            moments.add(x);
            assertThatThrownBy(() -> moments.add(normal(9, 5, 4)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("features must have dimension 3 like those before, got 4; take all from one network");
        }
    }
}
