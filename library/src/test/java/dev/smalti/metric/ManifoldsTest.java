package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
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

    /** On a lattice of whole numbers many distances are the same and many members are copies of one another. */
    @ParameterizedTest
    @ValueSource(longs = {13, 50, 64, 350, 1000})
    void blocks_of_any_size_give_the_counts_over_all_pairs(long block) {
        Tensor real = normal(1, 350, 3).mul(new Scalar(3.0)).round();
        Tensor fake =
                normal(2, 130, 3).mul(new Scalar(2.0)).add(new Scalar(5.0)).round();
        List<Integer> neighbours = List.of(2, 1, 5, 129);
        List<Manifolds> expected = neighbours.stream()
                .map(k -> bruteForce(rows(real), rows(fake), k))
                .toList();
        assertThat(measured(real, fake, neighbours, block)).isEqualTo(expected);
        assertThat(measured(fake, real, List.of(2), block)).containsExactly(bruteForce(rows(fake), rows(real), 2));
        Manifolds usual = expected.get(0);
        assertThat(usual.precision()).isBetween(0.1, 0.9);
        assertThat(usual.recall()).isBetween(0.1, 0.9);
        assertThat(usual.coverage()).isBetween(0.05, 0.9);
    }

    @Test
    void the_usual_blocks_give_the_counts_over_all_pairs() {
        assertThat(Distances.BLOCK).isLessThan(2100);
        Tensor real = normal(11, 2100, 3).mul(new Scalar(4.0)).round();
        Tensor fake = normal(12, 2300, 3).mul(new Scalar(3.0)).round();
        assertThat(Manifolds.of(real, fake, 3)).isEqualTo(bruteForce(rows(real), rows(fake), 3));
    }

    /** Clusters so small beside their distance from the centre that float32 alone sees nothing within them. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-1, 1e-3, 1e-5, 1e-7})
    void tight_clusters_give_the_counts_of_float64(double width) {
        Tensor real = clusters(13, 300, width);
        Tensor fake = clusters(14, 240, width);
        List<Integer> neighbours = List.of(3, 5);
        List<Manifolds> expected = neighbours.stream()
                .map(k -> bruteForce(rows(real), rows(fake), k))
                .toList();
        assertThat(measured(real, fake, neighbours, 64)).isEqualTo(expected);
        assertThat(expected.get(0).precision()).isBetween(0.05, 0.95);
        if (width <= 1e-3) {
            assertThat(inFloat32(real, fake, 3))
                    .as("precision by products in float32")
                    .isNotEqualTo(expected.get(0).precision());
        }
    }

    /** Three clusters of 32 features. [N, 32] */
    private static Tensor clusters(long seed, long n, double width) {
        Tensor centers = normal(15, 3, 32).mul(new Scalar(10.0)).add(new Scalar(100.0));
        return centers.repeat(n / 3, 1).add(normal(seed, n, 32).mul(new Scalar(width)));
    }

    private static double inFloat32(Tensor real, Tensor fake, int k) {
        Tensor x = real.to(ScalarType.Float);
        Tensor y = fake.to(ScalarType.Float);
        Tensor radii = squares(x, x).topk(k + 1, 1, false, true).get0().select(1, k); // [N]
        return squares(y, x).le(radii).any(1).to(ScalarType.Double).mean().item_double();
    }

    private static Tensor squares(Tensor x, Tensor y) {
        return x.square()
                .sum(1)
                .unsqueeze(1)
                .add(y.square().sum(1))
                .sub(x.matmul(y.t()).mul(new Scalar(2.0)));
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 40})
    void features_in_float32_give_the_counts_of_float64(int dimension) {
        Tensor real = normal(16, 400, dimension).to(ScalarType.Float);
        Tensor fake = normal(17, 300, dimension).mul(new Scalar(0.8)).to(ScalarType.Float);
        assertThat(measured(real, fake, List.of(4), 128)).containsExactly(bruteForce(rows(real), rows(fake), 4));
        assertThat(Manifolds.of(real, fake.to(ScalarType.Double), 4)).isEqualTo(Manifolds.of(real, fake, 4));
    }

    @Test
    void the_unit_of_the_features_changes_nothing() {
        Tensor real = normal(18, 200, 6);
        Tensor fake = normal(19, 200, 6).mul(new Scalar(0.7));
        Manifolds manifolds = Manifolds.of(real, fake, 3);
        for (double unit : new double[] {0x1p-300, 0x1p-60, 0x1p60, 0x1p300}) {
            assertThat(Manifolds.of(real.mul(new Scalar(unit)), fake.mul(new Scalar(unit)), 3))
                    .as("in units of %s", unit)
                    .isEqualTo(manifolds);
        }
    }

    @Test
    void leaks_nothing() {
        Tensor real = clusters(20, 300, 1e-5);
        Tensor fake = clusters(21, 300, 1e-5);
        Manifolds.members(real, fake, List.of(3, 5), 100);
        long before = Pointer.totalCount();
        for (int i = 0; i < 10; i++) {
            Manifolds.members(real, fake, List.of(3, 5), 100);
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
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
        double[] inside = new double[fake.length];
        for (int i = 0; i < real.length; i++) {
            for (int j = 0; j < fake.length; j++) {
                double distance = distance(real[i], fake[j]);
                precise[j] |= distance <= realRadii[i];
                recalled[i] |= distance <= fakeRadii[j];
                covered[i] |= distance < realRadii[i];
                inside[j] += distance < realRadii[i] ? 1 : 0;
            }
        }
        double density = Arrays.stream(inside).map(each -> each / k).average().orElseThrow();
        return new Manifolds(share(precise), share(recalled), density, share(covered));
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
        assertThatThrownBy(() -> Manifolds.members(x, x, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("neighbours must not be empty; say to which neighbour balls reach");
        assertThatThrownBy(() -> Manifolds.of(x.log(), x, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("real features must be finite, got \\d+ of 15 that are not; .*");
        assertThatThrownBy(() -> Manifolds.of(x, normal(10, 5, 4), 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("real and fake features must have one dimension, got 3 and 4; take both from one network");
    }

    private static List<Manifolds> measured(Tensor real, Tensor fake, List<Integer> neighbours, long block) {
        return Manifolds.members(real, fake, neighbours, block).stream()
                .map(Manifolds.Members::shares)
                .toList();
    }
}
