package dev.smalti.metric;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/** What all the metrics say of images of four shapes, each in its colour, that are made worse step by step. */
class DegradationTest {
    private static final int COUNT = 600;
    private static final int SIDE = 32;
    private static final int SHAPES = 4;

    private final Tensor real = features(images(1, SHAPES));
    private final Tensor good = images(2, SHAPES);

    /** What the metrics say of a set of images. */
    private record Verdict(double frechet, double kernel, Manifolds manifolds) {}

    private Verdict verdict(Tensor images) {
        Tensor fake = features(images);
        return new Verdict(
                FrechetDistance.of(FeatureStatistics.of(real), FeatureStatistics.of(fake)),
                KernelDistance.of(real, fake),
                Manifolds.of(real, fake, 5));
    }

    /** As many of each of the first {@code shapes}, in [0, 1]. [N, 3, H, W] */
    private static Tensor images(long seed, int shapes) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[COUNT * 3 * SIDE * SIDE];
        for (int i = 0; i < COUNT; i++) {
            int shape = i % shapes;
            double x = random.nextDouble(12, 20);
            double y = random.nextDouble(12, 20);
            double size = random.nextDouble(5, 9);
            float light = (float) random.nextDouble(0.6, 1);
            for (int at = 0; at < SIDE * SIDE; at++) {
                if (covers(shape, at % SIDE - x, at / SIDE - y, size)) {
                    for (int c = 0; c < 3; c++) {
                        boolean lit = shape == 3 || shape == c; // red, green, blue, white
                        values[(3 * i + c) * SIDE * SIDE + at] = lit ? light : 0.1f;
                    }
                }
            }
        }
        return Tensors.floats(values).view(COUNT, 3, SIDE, SIDE);
    }

    private static boolean covers(int shape, double dx, double dy, double size) {
        double across = Math.abs(dx);
        double down = Math.abs(dy);
        return switch (shape) {
            case 0 -> Math.hypot(dx, dy) <= size;
            case 1 -> Math.max(across, down) <= size;
            case 2 -> across + down <= size;
            default -> Math.min(across, down) <= size / 3 && Math.max(across, down) <= size;
        };
    }

    /** Averages over 4×4 pixels. [N, 3, H, W] -> [N, 192] */
    private static Tensor features(Tensor images) {
        return averages(images, SIDE / 8, SIDE / 8, 0).flatten(1, -1);
    }

    private static Tensor averages(Tensor images, long window, long stride, long padding) {
        return torch.avg_pool2d(
                images,
                new long[] {window, window},
                new long[] {stride, stride},
                new long[] {padding, padding},
                false,
                true,
                new LongOptional());
    }

    private Tensor noisy(double strength) {
        Tensor noise = torch.randn(
                new long[] {COUNT, 3, SIDE, SIDE}, new Seed(3).optional(), Tensors.options(ScalarType.Float));
        return good.add(noise.mul(new Scalar(strength)))
                .clamp_min(new Scalar(0.0))
                .clamp_max(new Scalar(1.0));
    }

    @Test
    void as_good_images_are_near_in_every_metric() {
        Verdict verdict = verdict(good);
        assertThat(verdict.kernel()).isCloseTo(0, within(1e-3));
        assertThat(verdict.frechet()).isLessThan(0.2);
        assertThat(verdict.manifolds().precision()).isGreaterThan(0.9);
        assertThat(verdict.manifolds().recall()).isGreaterThan(0.9);
        assertThat(verdict.manifolds().density()).isCloseTo(1, within(0.1));
        assertThat(verdict.manifolds().coverage()).isGreaterThan(0.9);
    }

    @Test
    void noise_costs_distance_and_precision() {
        double[] strengths = {0.1, 0.15, 0.2, 0.4};
        Verdict before = verdict(good);
        for (double strength : strengths) {
            Verdict after = verdict(noisy(strength));
            farther("noise of " + strength, before, after);
            assertThat(after.manifolds().precision())
                    .as("precision at noise of %s", strength)
                    .isLessThan(before.manifolds().precision());
            assertThat(after.manifolds().density())
                    .as("density at noise of %s", strength)
                    .isLessThan(before.manifolds().density());
            before = after;
        }
        assertThat(before.manifolds().precision()).isLessThan(0.1);
    }

    @Test
    void blur_costs_distance() {
        worse("blur of", new int[] {9, 13, 19, 27}, window -> averages(good, window, 1, window / 2));
    }

    @Test
    void dropped_shapes_cost_distance_recall_and_coverage_but_not_precision() {
        Verdict before = verdict(good);
        for (int shapes = SHAPES - 1; shapes > 0; shapes--) {
            Verdict after = verdict(images(2, shapes));
            farther(shapes + " shapes", before, after);
            assertThat(after.manifolds().recall())
                    .as("recall of %d shapes", shapes)
                    .isLessThan(before.manifolds().recall() - 0.1);
            assertThat(after.manifolds().coverage())
                    .as("coverage of %d shapes", shapes)
                    .isLessThan(before.manifolds().coverage() - 0.1);
            assertThat(after.manifolds().precision())
                    .as("precision of %d shapes", shapes)
                    .isGreaterThan(verdict(good).manifolds().precision() - 0.03);
            before = after;
        }
    }

    private void worse(String how, int[] strengths, IntFunction<Tensor> images) {
        Verdict before = verdict(good);
        for (int strength : strengths) {
            Verdict after = verdict(images.apply(strength));
            farther(how + " " + strength, before, after);
            before = after;
        }
    }

    private static void farther(String what, Verdict before, Verdict after) {
        assertThat(after.frechet()).as("Fréchet distance at %s", what).isGreaterThan(1.1 * before.frechet());
        assertThat(after.kernel()).as("kernel distance at %s", what).isGreaterThan(before.kernel() + 1e-4);
    }
}
