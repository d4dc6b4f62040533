package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ManifoldsTest {
    private static Tensor normal(long seed, long n, long d) {
        return torch.randn(new long[] {n, d}, new Seed(seed).optional(), Tensors.options(ScalarType.Double));
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 5})
    void are_those_of_the_reference_implementations(int k) {
        Fixture fixture = Fixture.of("metrics");
        Manifolds manifolds = Manifolds.of(fixture.in("real"), fixture.in("fake"), k);
        check(fixture, "prc_k" + k + ".precision", manifolds.precision());
        check(fixture, "prc_k" + k + ".recall", manifolds.recall());
        check(fixture, "prdc_k" + k + ".density", manifolds.density());
        check(fixture, "prdc_k" + k + ".coverage", manifolds.coverage());
        Distances distances = new Distances(fixture.in("real"), fixture.in("fake"), 100);
        for (String set : new String[] {"real", "fake"}) {
            Tensor radii = distances
                    .nearest(fixture.in(set), k)
                    .select(1, k - 1)
                    .sqrt()
                    .mul(new Scalar(distances.unit()));
            fixture.check("ipr_k" + k + ".radii_" + set, radii, 1e-5);
        }
    }

    private static void check(Fixture fixture, String key, double ours) {
        fixture.check(key, Tensors.doubles(ours).squeeze(), 1e-6);
    }

    /** On a lattice of whole numbers many distances are the same, so that the border of the balls matters. */
    @Test
    void blocks_give_the_counts_over_all_pairs() {
        Tensor real = normal(1, 1300, 3).mul(new Scalar(3.0)).round();
        Tensor fake =
                normal(2, 1100, 3).mul(new Scalar(2.0)).add(new Scalar(2.0)).round();
        Manifolds expected = bruteForce(rows(real), rows(fake), 2);
        assertThat(Manifolds.of(real, fake, 2)).isEqualTo(expected);
        assertThat(expected.precision()).isBetween(0.1, 0.99);
        assertThat(expected.recall()).isBetween(0.1, 0.99);
        assertThat(expected.coverage()).isBetween(0.05, 0.99);
    }

    private static double[][] rows(Tensor features) {
        double[][] rows = new double[(int) features.size(0)][];
        Arrays.setAll(rows, i -> Tensors.toDoubles(features.select(0, i)));
        return rows;
    }

    private static Manifolds bruteForce(double[][] real, double[][] fake, int k) {
        double[] realRadii = radii(real, k);
        double[] fakeRadii = radii(fake, k);
        boolean[] precise = new boolean[fake.length];
        boolean[] recalled = new boolean[real.length];
        boolean[] covered = new boolean[real.length];
        double inside = 0;
        for (int i = 0; i < real.length; i++) {
            for (int j = 0; j < fake.length; j++) {
                double distance = distance(real[i], fake[j]);
                precise[j] |= distance <= realRadii[i];
                recalled[i] |= distance <= fakeRadii[j];
                covered[i] |= distance < realRadii[i];
                inside += distance < realRadii[i] ? 1 : 0;
            }
        }
        return new Manifolds(share(precise), share(recalled), inside / k / fake.length, share(covered));
    }

    private static double[] radii(double[][] features, int k) {
        return Arrays.stream(features)
                .mapToDouble(x -> Arrays.stream(features)
                        .mapToDouble(y -> distance(x, y))
                        .sorted()
                        .skip(k)
                        .findFirst()
                        .orElseThrow())
                .toArray();
    }

    private static double distance(double[] x, double[] y) {
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += (x[i] - y[i]) * (x[i] - y[i]);
        }
        return sum;
    }

    private static double share(boolean[] which) {
        int count = 0;
        for (boolean each : which) {
            count += each ? 1 : 0;
        }
        return (double) count / which.length;
    }

    @Test
    void a_set_covers_itself_even_of_copies_whose_balls_are_points() {
        Tensor features = normal(3, 1200, 5);
        Manifolds own = Manifolds.of(features, features, 3);
        assertThat(own.precision()).isEqualTo(1);
        assertThat(own.recall()).isEqualTo(1);
        assertThat(own.coverage()).isEqualTo(1);
        assertThat(own.density()).isCloseTo(1, within(1e-12)); // itself and the two nearest, but not the third
        Tensor copies = normal(4, 300, 5).repeat(5, 1);
        assertThat(Manifolds.of(copies, copies, 3).precision()).isEqualTo(1);
        assertThat(Manifolds.of(copies, copies.narrow(0, 0, 400), 3).precision())
                .isEqualTo(1);
    }

    @Test
    void sets_that_are_far_apart_have_nothing_in_common() {
        assertThat(Manifolds.of(normal(5, 50, 4), normal(6, 60, 4).add(new Scalar(100.0)), 3))
                .isEqualTo(new Manifolds(0, 0, 0, 0));
    }

    @Test
    void noise_costs_precision_and_density_and_sameness_costs_recall_and_coverage() {
        Tensor real = normal(7, 1000, 8);
        Tensor fake = normal(8, 1000, 8);
        Manifolds good = Manifolds.of(real, fake, 5);
        assertThat(good.density()).isCloseTo(1, within(0.1));
        Manifolds before = good;
        for (double noise : new double[] {0.5, 1, 2}) {
            Manifolds after = Manifolds.of(real, fake.add(normal(9, 1000, 8).mul(new Scalar(noise))), 5);
            assertThat(after.precision()).as("precision at noise %s", noise).isLessThan(before.precision());
            assertThat(after.density()).as("density at noise %s", noise).isLessThan(before.density());
            before = after;
        }
        before = good;
        for (double width : new double[] {0.5, 0.3, 0.1}) {
            Manifolds after = Manifolds.of(real, fake.mul(new Scalar(width)), 5);
            assertThat(after.recall()).as("recall at width %s", width).isLessThan(before.recall());
            assertThat(after.coverage()).as("coverage at width %s", width).isLessThan(before.coverage());
            assertThat(after.precision()).as("precision at width %s", width).isGreaterThan(good.precision());
            before = after;
        }
    }

    @Test
    void bad_features_are_refused_by_name() {
        Tensor x = normal(10, 5, 3);
        assertThatThrownBy(() -> Manifolds.of(x, x.narrow(0, 0, 3), 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("fake features must be of at least 4 images, got 3; add images");
        assertThatThrownBy(() -> Manifolds.of(x, x, 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("neighbours must be at least 1, got 0");
        assertThatThrownBy(() -> Manifolds.of(x.log(), x, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("real features must be finite, got \\d+ of 15 that are not; .*");
        assertThatThrownBy(() -> Manifolds.of(x, normal(10, 5, 4), 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("real and fake features must have one dimension, got 3 and 4; take both from one network");
    }
}
