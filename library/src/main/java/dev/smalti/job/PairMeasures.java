package dev.smalti.job;

import dev.smalti.job.EvaluationResult.Value;
import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.metric.StructuralSimilarity;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Tensor;

/** What is measured of pairs of images, image by image: each the mean over the pairs. */
final class PairMeasures {
    private static final double RANGE = 255;

    private final Map<Metric, DoubleStream.Builder> each = new EnumMap<>(Metric.class);

    /** @param wanted of which those that aren't of pairs are left out */
    PairMeasures(Collection<Metric> wanted) {
        wanted.stream()
                .filter(metric -> metric.of() == Metric.Of.PAIRS)
                .forEach(metric -> each.put(metric, DoubleStream.builder()));
    }

    /** Whole numbers in 0..255, [B, 3, H, W] */
    void add(Tensor images, Tensor others) {
        each.forEach((metric, values) ->
                Arrays.stream(of(metric, images.cpu(), others.cpu())).forEach(values::add));
    }

    /** [B] */
    private static double[] of(Metric metric, Tensor images, Tensor others) {
        return switch (metric) {
            case PSNR -> PeakSignalToNoise.of(images, others, RANGE);
            case SSIM -> StructuralSimilarity.of(images, others, RANGE);
            default -> throw new IllegalStateException(metric + " is not of pairs");
        };
    }

    Map<Metric, Value> values() {
        Map<Metric, Value> found = new EnumMap<>(Metric.class);
        each.forEach(
                (metric, values) -> found.put(metric, Value.mean(values.build().toArray())));
        return found;
    }
}
