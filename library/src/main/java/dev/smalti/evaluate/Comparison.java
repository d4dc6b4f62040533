package dev.smalti.evaluate;

import dev.smalti.evaluate.EvaluationResult.Value;
import dev.smalti.metric.Estimate;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.metric.InceptionScore;
import dev.smalti.metric.Interval;
import dev.smalti.metric.KernelDistance;
import dev.smalti.metric.Manifolds;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Stopping;
import dev.smalti.tensor.Tensors;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Measures how near two sets are by their features.
 *
 * @param resamples of the fake images for the interval of a Fréchet distance; 0 for no intervals
 * @param neighbours k of precision, recall, density and coverage; 0 for the usual one of each
 * @param observer told of each measure
 */
record Comparison(SetFeatures real, SetFeatures fake, int resamples, int neighbours, Seed seed, Observer observer) {
    /** Fewer images than these are taken at once for a kernel distance. */
    static final int SUBSET = 1000;

    private static final int SUBSETS = 100;
    private static final int SPLITS = 10;
    private static final int RESAMPLES_OF_SHARES = 1000; // which cost little

    /** @param wanted of which those that aren't of features are left out */
    Map<Metric, Value> of(List<Metric> wanted) {
        Map<Metric, Value> values = new EnumMap<>(Metric.class);
        for (Metric each : wanted) {
            switch (each) {
                case FRECHET, FID -> values.put(each, measured(each, () -> pooled(each)));
                case SFID -> values.put(each, measured(each, () -> spatial(each)));
                case KERNEL, KID -> values.put(each, measured(each, () -> kernel(each)));
                case ACCURACY -> values.put(each, measured(each, () -> share(right(), "fake", "accuracy")));
                case IS, SCORE -> values.put(each, measured(each, () -> Value.of(score())));
                default -> {}
            }
        }
        manifolds(wanted, values);
        return values;
    }

    private Value measured(Metric metric, Supplier<Value> value) {
        Stopping.check();
        observer.see(Phase.of(metric.label()));
        return value.get();
    }

    /** All numbers of neighbours in one pass over the distances. */
    private void manifolds(List<Metric> wanted, Map<Metric, Value> values) {
        List<Metric> named =
                wanted.stream().filter(each -> each.neighbours(neighbours) > 0).toList();
        if (named.isEmpty()) {
            return;
        }
        List<Integer> reach = named.stream()
                .map(each -> each.neighbours(neighbours))
                .distinct()
                .toList();
        Phase phase = Phase.of("neighbours", "rows", Manifolds.rows(real.pool(), fake.pool()));
        List<Manifolds.Members> all = Manifolds.members(real.pool(), fake.pool(), reach, observer.counting(phase));
        for (Metric each : named) {
            int k = each.neighbours(neighbours);
            values.put(each, share(each, all.get(reach.indexOf(k))).neighbours(k));
        }
    }

    private Value share(Metric metric, Manifolds.Members members) {
        return switch (metric) {
            case PRECISION -> share(members.precise(), "fake", "precision");
            case RECALL -> share(members.recalled(), "real", "recall");
            case DENSITY -> share(members.dense(), "fake", "density");
            case COVERAGE -> share(members.covered(), "real", "coverage");
            default -> throw new IllegalStateException(metric + " has no neighbours");
        };
    }

    private Value pooled(Metric metric) {
        return Scope.value(
                () -> frechet(metric, real.statistics(), fake.statistics(), fake.pool(), seed.child("resamples")));
    }

    private Value spatial(Metric metric) {
        return Scope.value(() -> frechet(
                metric, real.spatial(), fake.spatial(), fake.spatialRows(), seed.child("resamples of the sFID")));
    }

    /** @param rows of the fakes, to be resampled; null for no interval */
    private Value frechet(Metric metric, FeatureStatistics reals, FeatureStatistics fakes, Tensor rows, Seed draws) {
        double distance = FrechetDistance.of(reals, fakes);
        if (resamples == 0 || rows == null) {
            return Value.of(distance);
        }
        Phase phase = Phase.of("interval of " + metric.label(), "resamples", resamples);
        Interval interval = Interval.ofDistance(distance, resamples, i -> {
            Stopping.check();
            observer.see(phase.done(i));
            SplittableRandom random = draws.child(i).random();
            long[] drawn = random.longs(rows.size(0), 0, rows.size(0)).toArray();
            return Scope.value(() -> FrechetDistance.of(reals, SetFeatures.statistics(rows, drawn)));
        });
        return Value.of(
                distance,
                interval,
                Phrase.of("%,d resamples of the fake images").with(resamples));
    }

    private Value kernel(Metric metric) {
        Tensor reals = real.pool();
        Tensor fakes = fake.pool();
        Phase phase = Phase.of(metric.label(), "subsets", SUBSETS);
        return Math.min(reals.size(0), fakes.size(0)) < SUBSET
                ? Value.of(KernelDistance.of(reals, fakes))
                : Value.of(KernelDistance.of(
                        reals, fakes, SUBSETS, SUBSET, seed.child("subsets"), observer.counting(phase)));
    }

    /** Images that lie sorted by class would give parts that are. */
    private Estimate score() {
        return Scope.value(() -> {
            Tensor logits = fake.logits(); // [M, K]
            Tensor order =
                    torch.randperm(logits.size(0), seed.child("order").optional(), Tensors.options(ScalarType.Long));
            return InceptionScore.ofLogits(logits.index_select(0, order), SPLITS);
        });
    }

    /** 1 for each fake that is recognised as one of its class, else 0. */
    private double[] right() {
        return Scope.value(() -> Tensors.toDoubles(
                Classifier.right(fake.logits(), Tensors.longs(fake.classes())).to(ScalarType.Double)));
    }

    private Value share(double[] members, String set, String name) {
        double mean = Value.mean(members).value();
        if (resamples == 0) {
            return Value.of(mean);
        }
        Interval interval = Interval.ofResampledMean(members, RESAMPLES_OF_SHARES, seed.child(name));
        return Value.of(
                mean, interval, Phrase.of("%,d resamples of the %s images").with(RESAMPLES_OF_SHARES, set));
    }
}
