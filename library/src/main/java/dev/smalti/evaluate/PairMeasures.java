package dev.smalti.evaluate;

import dev.smalti.evaluate.EvaluationResult.Value;
import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.metric.StructuralSimilarity;
import dev.smalti.metric.lpips.Lpips;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What is measured of pairs of images, image by image: each the mean over the pairs. */
final class PairMeasures {
    private static final double RANGE = 255;

    private final Map<Metric, DoubleStream.Builder> each = new EnumMap<>(Metric.class);
    private final Lpips lpips;

    /**
     * @param wanted of which those that aren't of pairs are left out
     * @param lpips null where it isn't wanted
     */
    PairMeasures(Collection<Metric> wanted, Lpips lpips) {
        this.lpips = lpips;
        wanted.stream()
                .filter(metric -> metric.of() == Metric.Of.PAIRS)
                .forEach(metric -> each.put(metric, DoubleStream.builder()));
    }

    /** Whole numbers in 0..255, [B, 3, H, W] */
    void add(Tensor images, Tensor others) {
        each.forEach(
                (metric, values) -> Arrays.stream(of(metric, images, others)).forEach(values::add));
    }

    /** [B] */
    private double[] of(Metric metric, Tensor images, Tensor others) {
        return switch (metric) {
            case PSNR -> PeakSignalToNoise.of(images.cpu(), others.cpu(), RANGE);
            case SSIM -> StructuralSimilarity.of(images.cpu(), others.cpu(), RANGE);
            case LPIPS ->
                Tensors.toDoubles(
                        lpips.distance(fromLevels(images), fromLevels(others)).to(ScalarType.Double));
            default -> throw new IllegalStateException(metric + " is not of pairs");
        };
    }

    /** 0..255 -> [-1, 1] */
    private static Tensor fromLevels(Tensor levels) {
        return levels.to(ScalarType.Float).mul(new Scalar(2 / RANGE)).sub(new Scalar(1.0));
    }

    Map<Metric, Value> values() {
        Map<Metric, Value> found = new EnumMap<>(Metric.class);
        each.forEach(
                (metric, values) -> found.put(metric, Value.mean(values.build().toArray())));
        return found;
    }
}
