package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Images;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.metric.FeatureStatistics;
import dev.smalti.metric.FrechetDistance;
import dev.smalti.metric.classifier.Classifier;
import dev.smalti.metric.classifier.ClassifierConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The worse images get, the farther they are, by a classifier's features and by pixels. */
class DegradationTest {
    private static final int SIDE = 16;
    private static final int SHAPES = 4;
    private static final int SET = 400;

    private static ImageFeatures.OfClassifier learnt;

    @BeforeAll
    static void trains_a_classifier_on_drawn_shapes() {
        Classifier classifier = new ClassifierConfiguration(SIDE, 16, List.of(1, 2), 1, 2, 0.0, 0.1, 1)
                .build(SHAPES, new Seed(1), Devices.cpu());
        learnt = new ImageFeatures.OfClassifier(
                "classifier:shapes", "", List.of("disc", "ring", "cross", "bar"), classifier);
        TrainingConfiguration training = TrainingConfiguration.of(150, 32, 3e-3, "fp32", "cpu");
        try (Player<Images> player = Player.of(classifier.objective(), training, false)) {
            new TrainLoop<>(
                            List.of(player),
                            number -> batch(32, 100 + number),
                            training,
                            new Seed(4),
                            Devices.cpu(),
                            List.of(),
                            () -> false)
                    .run(0);
        }
    }

    @AfterAll
    static void closes_it() {
        learnt.close();
    }

    @Test
    void a_short_training_tells_all_new_shapes_apart() {
        Scope.free(() -> {
            Images held = batch(SET, 1);
            Tensor logits = learnt.of(levels(held)).logits();
            assertThat(Classifier.right(logits, held.labels()).sum().item_long())
                    .isGreaterThan(SET * 97 / 100);
        });
    }

    @Test
    void a_set_grows_farther_with_every_step_of_noise() {
        for (ImageFeatures features : both()) {
            rises(features, strength -> noised(levels(batch(SET, 2)), 20 * strength), 5);
        }
    }

    @Test
    void a_set_grows_farther_with_every_step_of_blur() {
        rises(learnt, radius -> blurred(levels(batch(SET, 2)), radius), 4);
    }

    @Test
    void a_set_grows_farther_with_every_class_that_is_missing() {
        for (ImageFeatures features : both()) {
            rises(features, missing -> levels(batch(SET, 2, SHAPES - missing)), SHAPES);
        }
    }

    private static List<ImageFeatures> both() {
        return List.of(learnt, new ImageFeatures.OfPixels());
    }

    /** The distance to new images of what each of {@code steps} gives, the first of which is as good as new. */
    private static void rises(ImageFeatures features, IntFunction<Tensor> degraded, int steps) {
        double[] distances = new double[steps];
        for (int i = 0; i < steps; i++) {
            int step = i;
            distances[i] = Scope.value(() -> {
                try (NoGradGuard guard = new NoGradGuard()) {
                    FeatureStatistics real = FeatureStatistics.of(
                            features.of(levels(batch(SET, 1))).pool());
                    FeatureStatistics fake = FeatureStatistics.of(
                            features.of(degraded.apply(step)).pool());
                    return FrechetDistance.of(real, fake);
                }
            });
            if (i > 0) {
                assertThat(distances[i])
                        .as("step %d of %s, %s", i, features.name(), Arrays.toString(distances))
                        .isGreaterThan(1.1 * distances[i - 1]);
            }
        }
    }

    private static Images batch(int size, long seed) {
        return batch(size, seed, SHAPES);
    }

    /** Shapes of random colour, place and size on white, as many of each of the first {@code shapes} as of another. */
    private static Images batch(int size, long seed, int shapes) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[size * 3 * SIDE * SIDE];
        long[] labels = new long[size];
        for (int i = 0; i < size; i++) {
            int shape = i % shapes;
            labels[i] = shape;
            double radius = 4 + 2 * random.nextDouble();
            double top = 6 + 3 * random.nextDouble();
            double left = 6 + 3 * random.nextDouble();
            int[] colour = {random.nextInt(200), random.nextInt(200), random.nextInt(200)};
            for (int c = 0; c < 3; c++) {
                for (int y = 0; y < SIDE; y++) {
                    for (int x = 0; x < SIDE; x++) {
                        int level = inside(shape, (y - top) / radius, (x - left) / radius) ? colour[c] : 255;
                        values[((i * 3 + c) * SIDE + y) * SIDE + x] = (float) (level / 127.5 - 1);
                    }
                }
            }
        }
        return new Images(Tensors.floats(values).view(size, 3, SIDE, SIDE), Tensors.longs(labels));
    }

    private static boolean inside(int shape, double y, double x) {
        double r = Math.hypot(y, x);
        return switch (shape) {
            case 0 -> r < 1;
            case 1 -> r < 1 && r > 0.55;
            case 2 -> Math.max(Math.abs(y), Math.abs(x)) < 1 && Math.min(Math.abs(y), Math.abs(x)) < 0.3;
            default -> Math.abs(y) < 0.4 && Math.abs(x) < 1;
        };
    }

    /** -> 0..255 */
    private static Tensor levels(Images images) {
        return images.pixels().add(new Scalar(1.0)).mul(new Scalar(127.5)).round();
    }

    private static Tensor noised(Tensor levels, double deviation) {
        Tensor noise = torch.randn(Dims.of(levels), new Seed(5).optional(), Tensors.options(ScalarType.Float));
        return levels.add(noise.mul(new Scalar(deviation)))
                .round()
                .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(255.0)));
    }

    private static Tensor blurred(Tensor levels, int radius) {
        long[] window = {2L * radius + 1, 2L * radius + 1};
        long[] padding = {radius, radius};
        return torch.avg_pool2d(levels, window, new long[] {1, 1}, padding, false, false, new LongOptional())
                .round();
    }
}
