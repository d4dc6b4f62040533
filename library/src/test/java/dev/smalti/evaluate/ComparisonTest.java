package dev.smalti.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.metric.Manifolds;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

class ComparisonTest {
    private static Tensor normal(long seed, long n, long d) {
        return torch.randn(new long[] {n, d}, new Seed(seed).optional(), Tensors.options(torch.ScalarType.Float));
    }

    /** As of a network with so many pool and spatial features, whose images are these features themselves. */
    private record Slices(int dimension) implements ImageFeatures {
        @Override
        public Kind kind() {
            return Kind.INCEPTION;
        }

        @Override
        public String name() {
            return "slices";
        }

        @Override
        public String sha256() {
            return null;
        }

        @Override
        public int classes() {
            return 0;
        }

        @Override
        public List<String> notices(int side) {
            return List.of();
        }

        @Override
        public Output of(Tensor images) {
            return new Output(
                    images.narrow(1, 0, dimension), images.narrow(1, dimension, images.size(1) - dimension), null);
        }

        @Override
        public void close() {}
    }

    private static final List<Metric> MANIFOLD =
            List.of(Metric.PRECISION, Metric.RECALL, Metric.DENSITY, Metric.COVERAGE);

    private static SetFeatures gathered(Tensor features, boolean rows) {
        SetFeatures.Wanted wanted = new SetFeatures.Wanted(true, false, true, rows);
        try (SetFeatures.Gatherer gatherer = new SetFeatures.Gatherer(new Slices(4), 500, wanted, null)) {
            for (long from = 0; from < features.size(0); from += 32) {
                Tensor batch = features.narrow(0, from, Math.min(32, features.size(0) - from));
                gatherer.add(batch, new int[(int) batch.size(0)]);
            }
            return gatherer.finish();
        }
    }

    private static Map<Metric, EvaluationResult.Value> compare(SetFeatures real, SetFeatures fake, int resamples) {
        return compare(real, fake, resamples, 0);
    }

    private static Map<Metric, EvaluationResult.Value> compare(
            SetFeatures real, SetFeatures fake, int resamples, int neighbours) {
        return new Comparison(real, fake, resamples, neighbours, new Seed(7), Observer.NONE)
                .of(List.of(Metric.FID, Metric.SFID, Metric.PRECISION, Metric.RECALL, Metric.DENSITY, Metric.COVERAGE));
    }

    @Test
    void spatial_features_that_are_kept_give_the_distance_of_those_that_are_not_and_an_interval() {
        Tensor real = normal(1, 300, 7);
        Tensor fake = normal(2, 200, 7).mul(new Scalar(1.3));
        SetFeatures reals = gathered(real, false);
        SetFeatures kept = gathered(fake, true);
        SetFeatures notKept = gathered(fake, false);
        assertThat(kept.spatialRows().size(0)).isEqualTo(200);
        assertThat(notKept.spatialRows()).isNull();
        EvaluationResult.Value with = compare(reals, kept, 50).get(Metric.SFID);
        EvaluationResult.Value without = compare(reals, notKept, 50).get(Metric.SFID);
        double expected = FrechetDistance.of(
                FeatureStatistics.of(real.narrow(1, 4, 3)), FeatureStatistics.of(fake.narrow(1, 4, 3)));
        assertThat(with.value()).isCloseTo(expected, within(1e-9));
        assertThat(without.value()).isCloseTo(expected, within(1e-9));
        assertThat(without.interval()).isNull();
        assertThat(with.interval().low()).isBetween(0.0, with.value());
        assertThat(with.interval().high()).isGreaterThan(with.value());
        assertThat(with.from()).isEqualTo("50 resamples of the fake images");
    }

    /** What the width of an interval says is how far fresh draws of the fakes are apart. */
    @Test
    void intervals_are_as_wide_as_fresh_draws_of_the_fakes_differ() {
        SetFeatures reals = gathered(normal(1, 400, 7), false);
        List<Map<Metric, EvaluationResult.Value>> draws = IntStream.range(0, 30)
                .mapToObj(i -> compare(reals, gathered(normal(100 + i, 300, 7).mul(new Scalar(1.4)), true), 40))
                .toList();
        for (Metric each : List.of(Metric.FID, Metric.SFID, Metric.PRECISION, Metric.DENSITY)) {
            double[] values =
                    draws.stream().mapToDouble(draw -> draw.get(each).value()).toArray();
            double mean = DoubleStream.of(values).average().orElseThrow();
            double deviation = Math.sqrt(DoubleStream.of(values)
                    .map(value -> (value - mean) * (value - mean))
                    .average()
                    .orElseThrow());
            double width = draws.stream()
                    .mapToDouble(draw -> draw.get(each).interval().high()
                            - draw.get(each).interval().low())
                    .average()
                    .orElseThrow();
            assertThat(width / (2 * 1.96 * deviation)).as("%s", each).isBetween(0.7, 1.4);
        }
    }

    @Test
    void balls_reach_to_the_neighbour_that_is_asked_for_and_the_numbers_say_which() {
        Tensor real = normal(1, 60, 7);
        Tensor fake = normal(2, 50, 7);
        SetFeatures reals = gathered(real, false);
        SetFeatures fakes = gathered(fake, false);
        Map<Metric, EvaluationResult.Value> usual = compare(reals, fakes, 0);
        Map<Metric, EvaluationResult.Value> papers = compare(reals, fakes, 0, 2);
        Manifolds near = Manifolds.of(real.narrow(1, 0, 4), fake.narrow(1, 0, 4), 2);
        Manifolds three = Manifolds.of(real.narrow(1, 0, 4), fake.narrow(1, 0, 4), 3);
        Manifolds five = Manifolds.of(real.narrow(1, 0, 4), fake.narrow(1, 0, 4), 5);
        assertThat(values(papers)).containsExactly(near.precision(), near.recall(), near.density(), near.coverage());
        assertThat(values(usual)).containsExactly(three.precision(), three.recall(), five.density(), five.coverage());
        assertThat(values(papers)).isNotEqualTo(values(usual));
        assertThat(MANIFOLD).extracting(each -> papers.get(each).neighbours()).containsExactly(2, 2, 2, 2);
        assertThat(MANIFOLD).extracting(each -> usual.get(each).neighbours()).containsExactly(3, 3, 5, 5);
        assertThat(papers.get(Metric.FID).neighbours()).isNull();
    }

    private static List<Double> values(Map<Metric, EvaluationResult.Value> measured) {
        return MANIFOLD.stream().map(each -> measured.get(each).value()).toList();
    }

    @Test
    void shares_stay_shares() {
        SetFeatures reals = gathered(normal(1, 200, 7), false);
        Map<Metric, EvaluationResult.Value> same = compare(reals, gathered(normal(1, 200, 7), true), 20);
        for (Metric each : List.of(Metric.PRECISION, Metric.RECALL, Metric.COVERAGE)) {
            assertThat(same.get(each).value()).as("%s", each).isEqualTo(1);
            assertThat(same.get(each).interval().low()).as("%s", each).isEqualTo(1);
            assertThat(same.get(each).interval().high()).as("%s", each).isEqualTo(1);
        }
        assertThat(same.get(Metric.PRECISION).from()).contains("fake");
        assertThat(same.get(Metric.RECALL).from()).contains("real");
        assertThat(compare(reals, gathered(normal(2, 200, 7), true), 0).values())
                .allMatch(value -> value.interval() == null);
    }

    @Test
    void accuracy_is_the_share_of_fakes_whose_class_is_the_likeliest() {
        Tensor pool = normal(1, 40, 4);
        Tensor logits = Tensors.zeros(40, 3);
        logits.select(1, 2).fill_(new Scalar(1.0)); // all look like class 2
        long[] classes = new long[40];
        Arrays.fill(classes, 0, 30, 2);
        SetFeatures fakes = new SetFeatures(pool, logits, classes, null, null);
        EvaluationResult.Value accuracy = new Comparison(fakes, fakes, 10, 0, new Seed(0), Observer.NONE)
                .of(List.of(Metric.ACCURACY))
                .get(Metric.ACCURACY);
        assertThat(accuracy.value()).isEqualTo(0.75);
        assertThat(accuracy.interval().low()).isBetween(0.55, 0.7);
        assertThat(accuracy.interval().high()).isBetween(0.8, 0.95);
    }

    @Test
    void features_that_are_no_numbers_are_refused() {
        SetFeatures reals = gathered(normal(1, 50, 7), false);
        Tensor broken = normal(2, 50, 7);
        broken.select(0, 3).fill_(new Scalar(Double.NaN));
        assertThatThrownBy(() -> compare(reals, gathered(broken, true), 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be finite", "broken images");
        assertThatThrownBy(() -> gathered(broken, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be finite");
    }
}
