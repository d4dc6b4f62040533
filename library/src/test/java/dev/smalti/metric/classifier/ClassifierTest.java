package dev.smalti.metric.classifier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.data.Images;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassifierTest {
    private static final Device CPU = Devices.cpu(); // one handle, so that none comes and goes while they are counted
    private static final ClassifierConfiguration TINY =
            new ClassifierConfiguration(16, 8, List.of(1, 2, 4), 1, 2, 0.1, 0.1, 2);

    @Test
    void learns_one_batch_by_heart() {
        try (Classifier classifier = build();
                Player<Images> player = player(classifier)) {
            train(player, 0, 60);
            Scope.free(() -> {
                Images batch = batch();
                Tensor logits = classifier.exact(batch.pixels()).logits();
                assertThat(Classifier.right(logits, batch.labels()).sum().item_long())
                        .isEqualTo(8);
                double chance = 0.25;
                assertThat(Tensors.toDoubles(
                                logits.softmax(1).gather(1, batch.labels().unsqueeze(1))))
                        .as("probability of the true class")
                        .satisfies(each -> assertThat(Arrays.stream(each)).allMatch(p -> p > 2 * chance));
            });
        }
    }

    @Test
    void keeps_the_handle_count_over_60_training_steps_and_10_looks() {
        try (Classifier classifier = build();
                Player<Images> player = player(classifier)) {
            train(player, 0, 5);
            look(classifier);
            System.gc(); // what other tests left must not go in between
            long before = Pointer.totalCount();
            train(player, 5, 65);
            for (int i = 0; i < 10; i++) {
                look(classifier);
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        }
    }

    @Test
    void sees_each_image_by_itself() {
        try (Classifier classifier = build()) {
            Scope.free(() -> {
                Tensor images = images(5, 16, 16);
                Tensor together = classifier.exact(images).features(); // [5, D]
                assertThat(Dims.of(together)).containsExactly(5, classifier.dimension());
                for (int i = 0; i < 5; i++) {
                    double[] alone = Tensors.toDoubles(
                            classifier.exact(images.narrow(0, i, 1)).features());
                    assertThat(alone).containsExactly(Tensors.toDoubles(together.narrow(0, i, 1)), within(1e-5));
                }
            });
        }
    }

    @Test
    void measures_in_float32_whatever_is_the_custom_around() {
        try (Classifier classifier = build()) {
            Scope.free(() -> {
                Tensor images = images(3, 16, 16);
                Classifier.Output usual = classifier.exact(images);
                Classifier.Output around = Precision.BF16.run(Devices.cpu(), () -> classifier.exact(images));
                assertThat(Tensors.toDoubles(around.features())).containsExactly(Tensors.toDoubles(usual.features()));
                assertThat(around.logits().scalar_type().intern()).isEqualTo(ScalarType.Float);
            });
        }
    }

    @Test
    void gives_maps_of_images_of_other_sizes_with_gradients_for_the_images_alone() {
        try (Classifier classifier = build()) {
            classifier.parameters().requireGradients(false);
            Scope.free(() -> {
                Tensor images = images(2, 12, 22).set_requires_grad(true);
                List<Tensor> maps = classifier.maps(images);
                assertThat(maps.stream().map(Dims::of).map(Dims::text))
                        .containsExactly("[2, 8, 6, 11]", "[2, 16, 3, 6]", "[2, 32, 2, 3]");
                assertThat(Tensors.toDoubles(maps.get(2).mean(2, 3)))
                        .as("features are the means of the last map")
                        .containsExactly(
                                Tensors.toDoubles(classifier.exact(images).features()), within(1e-6));
                maps.stream()
                        .map(map -> map.square().mean())
                        .reduce(Tensor::add)
                        .orElseThrow()
                        .backward();
                assertThat(images.grad().abs().sum().item_double()).isPositive();
                classifier.parameters().weights().values().forEach(weight -> assertThat(
                                weight.grad().defined())
                        .isFalse());
            });
            assertThatThrownBy(() -> Scope.free(() -> classifier.maps(images(1, 16, 15))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("multiples of the classifier's patch, 2, got 16x15");
        }
    }

    @Test
    void has_as_many_weights_as_its_layers_say() {
        try (Classifier classifier = build()) {
            long first = 12 * 8 * 9 + 8;
            long block1 = 2 * (8 + 8) + 2 * (8 * 8 * 9 + 8);
            long block2 = 2 * (8 + 16) + (8 * 16 * 9 + 16) + (16 * 16 * 9 + 16) + (8 * 16 + 16);
            long block3 = 2 * (16 + 32) + (16 * 32 * 9 + 32) + (32 * 32 * 9 + 32) + (16 * 32 + 32);
            long last = 2 * 32 + 32 * 4 + 4;
            assertThat(classifier.parameters().count()).isEqualTo(first + block1 + block2 + block3 + last);
        }
    }

    @Test
    void comes_back_from_its_weights_and_names_those_that_do_not_fit(@TempDir Path folder) {
        Path file = folder.resolve("weights.safetensors");
        try (Classifier classifier = build()) {
            TensorFile.write(file, classifier.parameters().all(), Map.of());
            try (Classifier again = Classifier.open(TINY, file, Devices.cpu())) {
                assertThat(again.classes()).isEqualTo(4);
                Scope.free(() -> {
                    Tensor images = images(3, 16, 16);
                    assertThat(Tensors.toDoubles(again.exact(images).logits()))
                            .containsExactly(
                                    Tensors.toDoubles(classifier.exact(images).logits()));
                    assertThat(again.exact(images).logits().requires_grad()).isFalse();
                });
            }
        }
        ClassifierConfiguration wider = new ClassifierConfiguration(16, 16, List.of(1, 2, 4), 1, 2, 0.1, 0.1, 2);
        assertThatThrownBy(() -> Classifier.open(wider, file, Devices.cpu()))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("weights.safetensors")
                .hasMessageContaining("conv_in.weight must have shape [16, 12, 3, 3], got [8, 12, 3, 3]");
        Path other = folder.resolve("other.safetensors");
        Scope.free(() -> TensorFile.write(other, Map.of("codes", Tensors.longs(1)), Map.of()));
        assertThatThrownBy(() -> Classifier.open(TINY, other, Devices.cpu()))
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("linear.weight");
    }

    @Test
    void refuses_sizes_that_make_no_sense() {
        refused(
                () -> new ClassifierConfiguration(12, 8, List.of(1), null, null, null, null, null),
                "power of two",
                "12");
        refused(() -> new ClassifierConfiguration(16, 0, List.of(1), null, null, null, null, null), "channels", "0");
        refused(() -> new ClassifierConfiguration(16, 8, List.of(), null, null, null, null, null), "multipliers");
        refused(() -> new ClassifierConfiguration(16, 8, List.of(1), 0, null, null, null, null), "blocks", "0");
        refused(() -> new ClassifierConfiguration(16, 8, List.of(1), null, 3, null, null, null), "patch", "3");
        refused(() -> new ClassifierConfiguration(16, 8, List.of(1), null, null, 1.0, null, null), "dropout", "1.0");
        refused(
                () -> new ClassifierConfiguration(16, 8, List.of(1), null, null, null, -0.1, null),
                "label_smoothing",
                "-0.1");
        refused(
                () -> new ClassifierConfiguration(16, 8, List.of(1), null, null, null, null, 16),
                "shift",
                "0..15",
                "16");
        refused(
                () -> new ClassifierConfiguration(8, 8, List.of(1, 1, 1), null, 4, null, null, null),
                "cannot be halved",
                "fewer multipliers");
        refused(() -> TINY.build(1, new Seed(0), Devices.cpu()), "at least 2 classes, got 1");
    }

    private static void refused(Runnable wrong, String... words) {
        assertThatThrownBy(wrong::run)
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains(words);
    }

    private static Classifier build() {
        return TINY.build(4, new Seed(3), Devices.cpu());
    }

    private static Player<Images> player(Classifier classifier) {
        return Player.of(classifier.objective(), training(1), true);
    }

    private static void train(Player<Images> player, long from, long to) {
        new TrainLoop<>(List.of(player), number -> batch(), training(to), new Seed(4), CPU, List.of(), () -> false)
                .run(from);
    }

    private static TrainingConfiguration training(long steps) {
        return TrainingConfiguration.of(steps, 8, 3e-3, "fp32", "cpu");
    }

    private static void look(Classifier classifier) {
        Scope.free(() -> classifier.exact(images(8, 16, 16)));
    }

    /** Eight images of noise, two of each class. */
    private static Images batch() {
        return new Images(images(8, 16, 16), Tensors.longs(0, 1, 2, 3, 0, 1, 2, 3));
    }

    private static Tensor images(long batch, long height, long width) {
        return Scope.keep(() -> Tensors.uniform(new Seed(9).generator(), batch, 3, height, width)
                .mul(new Scalar(2.0))
                .sub(new Scalar(1.0))
                .to(ScalarType.Float));
    }
}
