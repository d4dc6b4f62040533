package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageBatchesTest {
    private static final int COUNT = 10;
    private static final Preparation PLAIN = new Preparation(8, Crop.CENTER, false);
    private static final Preparation RANDOM = new Preparation(8, Crop.RANDOM, true);
    private static final Seed SEED = new Seed(5);

    @TempDir
    Path folder;

    private Path zip;

    /** Picture i has the blue value 20 i, which tells it from the others, and the class i % 2. */
    @BeforeEach
    void write() throws Exception {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int i = 0; i < COUNT; i++) {
            files.put("%d/%02d.png".formatted(i % 2, i), Samples.encode(Samples.gradient(16, 12, 20 * i), "png"));
        }
        zip = Samples.zip(folder.resolve("a.zip"), files);
    }

    @Test
    void gives_floats_from_minus_1_to_1_with_labels() {
        try (ImageSet set = ImageSet.open(zip);
                ImageBatches batches = new ImageBatches(set, PLAIN, 4, SEED, false)) {
            Scope.free(() -> {
                Images images = batches.batch(0);
                assertThat(Dims.of(images.pixels())).containsExactly(4, 3, 8, 8);
                assertThat(Dims.of(images.labels())).containsExactly(4);
                List<Integer> shown = shown(images);
                for (int i = 0; i < 4; i++) {
                    assertThat(images.labels().select(0, i).item_long()).isEqualTo(shown.get(i) % 2);
                }
                float top = images.pixels()
                        .select(0, 0)
                        .select(0, 1)
                        .select(0, 0)
                        .select(0, 0)
                        .item_float();
                float bottom = images.pixels()
                        .select(0, 0)
                        .select(0, 1)
                        .select(0, 7)
                        .select(0, 0)
                        .item_float();
                assertThat(top).isBetween(-1f, -0.9f);
                assertThat(bottom).isBetween(0.9f, 1f);
            });
        }
    }

    @Test
    void shows_every_picture_once_an_epoch_in_another_order_each_time() {
        try (ImageSet set = ImageSet.open(zip);
                ImageBatches batches = new ImageBatches(set, PLAIN, 3, SEED, false)) {
            List<Integer> stream = new ArrayList<>();
            for (long step = 0; step < 20; step++) {
                stream.addAll(shown(batches, step));
            }
            List<List<Integer>> epochs = new ArrayList<>();
            for (int epoch = 0; epoch < 6; epoch++) {
                epochs.add(stream.subList(epoch * COUNT, (epoch + 1) * COUNT));
                assertThat(epochs.get(epoch)).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
            }
            assertThat(epochs).doesNotHaveDuplicates();
        }
    }

    @Test
    void gives_the_same_bytes_for_a_step_however_it_is_reached() {
        Map<Long, Long> inOrder = new HashMap<>();
        try (ImageSet set = ImageSet.open(zip);
                ImageBatches forwards = new ImageBatches(set, RANDOM, 3, SEED, false, 3);
                ImageBatches backwards = new ImageBatches(set, RANDOM, 3, SEED, false, 1);
                ImageBatches other = new ImageBatches(set, RANDOM, 3, new Seed(6), false)) {
            for (long step = 0; step < 12; step++) {
                inOrder.put(step, hash(forwards, step));
            }
            for (long step = 11; step >= 0; step--) {
                assertThat(hash(backwards, step)).isEqualTo(inOrder.get(step));
            }
            assertThat(hash(forwards, 2)).isEqualTo(inOrder.get(2L));
            assertThat(hash(forwards, 3)).isEqualTo(inOrder.get(3L));
            assertThat(hash(other, 0)).isNotEqualTo(inOrder.get(0L));
            assertThat(hash(forwards, 1_000_000_000_000L)).isEqualTo(hash(backwards, 1_000_000_000_000L));
        }
    }

    @Test
    void takes_batches_larger_than_the_set() {
        try (ImageSet set = ImageSet.open(zip);
                ImageBatches batches = new ImageBatches(set, PLAIN, 25, SEED, false)) {
            List<Integer> shown = shown(batches, 0);

            assertThat(shown.subList(0, 10)).doesNotHaveDuplicates();
            assertThat(shown.subList(10, 20)).doesNotHaveDuplicates();
        }
    }

    @Test
    void names_the_broken_file_in_the_thread_of_the_caller() throws Exception {
        try (ImageSet set = ImageSet.open(broken("1/07.png"));
                ImageBatches batches = new ImageBatches(set, PLAIN, 10, SEED, false)) {
            for (int again = 0; again < 2; again++) {
                assertThatThrownBy(() -> Scope.free(() -> batches.batch(0)))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("1/07.png in ");
            }
            assertThat(batches.skipped()).isZero();
        }
    }

    @Test
    void puts_others_in_the_place_of_broken_files_and_counts_them() throws Exception {
        try (ImageSet set = ImageSet.open(broken("1/07.png", "0/02.png"));
                ImageBatches batches = new ImageBatches(set, PLAIN, 5, SEED, true);
                ImageBatches again = new ImageBatches(set, PLAIN, 5, SEED, true, 1)) {
            Map<Integer, Integer> counts = new HashMap<>();
            for (long step = 0; step < 8; step++) {
                List<Integer> shown = shown(batches, step);
                shown.forEach(image -> counts.merge(image, 1, Integer::sum));
                assertThat(shown(again, 7 - step)).hasSize(5);
            }
            assertThat(counts.keySet()).containsExactlyInAnyOrder(0, 1, 3, 4, 5, 6, 8, 9);
            assertThat(batches.skipped()).isEqualTo(2);
            assertThat(shown(again, 3)).isEqualTo(shown(batches, 3));
        }
    }

    @Test
    void gives_up_when_all_files_are_broken() throws Exception {
        Path all = Samples.zip(folder.resolve("all.zip"), Map.of("1.png", new byte[5], "2.png", new byte[6]));

        try (ImageSet set = ImageSet.open(all);
                ImageBatches batches = new ImageBatches(set, PLAIN, 2, SEED, true)) {
            assertThatThrownBy(() -> batches.batch(0))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("not one of 2 pictures");
        }
    }

    @Test
    void passes_over_all_pictures_in_order() {
        try (ImageSet set = ImageSet.open(zip);
                ImagePass pass = ImageBatches.inOrder(set, PLAIN, 4, false)) {
            List<Integer> indices = new ArrayList<>();
            List<Integer> sizes = new ArrayList<>();
            while (pass.hasNext()) {
                Scope.free(() -> {
                    ImagePass.Batch batch = pass.next();
                    Arrays.stream(batch.indices()).forEach(indices::add);
                    sizes.add(batch.indices().length);
                    for (int i = 0; i < batch.indices().length; i++) {
                        int index = batch.indices()[i];
                        assertThat(set.name(index))
                                .contains("%02d.png"
                                        .formatted(shown(batch.images()).get(i)));
                        assertThat(batch.images().labels().select(0, i).item_long())
                                .isEqualTo(set.label(index));
                    }
                });
            }
            assertThat(indices)
                    .containsExactlyElementsOf(IntStream.range(0, COUNT).boxed().toList());
            assertThat(sizes).containsExactly(4, 4, 2);
            assertThatThrownBy(pass::next).isInstanceOf(NoSuchElementException.class);
        }
    }

    @Test
    void leaves_broken_pictures_out_of_a_pass() throws Exception {
        Path path = broken("0/00.png", "0/02.png", "1/09.png"); // indices 0, 1 and 9

        try (ImageSet set = ImageSet.open(path);
                ImagePass pass = ImageBatches.inOrder(set, PLAIN, 2, true);
                ImagePass strict = ImageBatches.inOrder(set, PLAIN, 2, false)) {
            List<Integer> indices = new ArrayList<>();
            while (pass.hasNext()) {
                Scope.free(() -> Arrays.stream(pass.next().indices()).forEach(indices::add));
            }
            assertThat(indices).containsExactly(2, 3, 4, 5, 6, 7, 8);
            assertThat(pass.skipped()).isEqualTo(3);
            assertThatThrownBy(strict::next).isInstanceOf(DataException.class).hasMessageContaining("0/00.png");
        }
    }

    @Test
    void labels_are_minus_1_without_classes() throws Exception {
        Path plain =
                Samples.zip(folder.resolve("b.zip"), Map.of("a.png", Samples.encode(Samples.gradient(8, 8, 0), "png")));

        try (ImageSet set = ImageSet.open(plain);
                ImageBatches batches = new ImageBatches(set, PLAIN, 2, SEED, false)) {
            assertThat(Scope.value(() -> batches.batch(0).labels().select(0, 1).item_long()))
                    .isEqualTo(-1);
        }
    }

    @Test
    void leaves_no_tensors_behind() {
        try (ImageSet set = ImageSet.open(zip);
                ImageBatches batches = new ImageBatches(set, PLAIN, 3, SEED, false)) {
            Scope.free(() -> batches.batch(0));
            long before = Pointer.totalCount();
            for (int i = 1; i <= 20; i++) {
                long step = i;
                Scope.free(() -> batches.batch(step));
            }
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
        }
    }

    @Test
    void refuses_impossible_numbers() {
        try (ImageSet set = ImageSet.open(zip)) {
            assertThatThrownBy(() -> new ImageBatches(set, PLAIN, 0, SEED, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("batch");
            assertThatThrownBy(
                            () -> new ImageBatches(set, new Preparation(1024, Crop.CENTER, false), 1000, SEED, false))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("batch must be at most 682 at image size 1024, got 1000");
            ImageBatches batches = new ImageBatches(set, PLAIN, 1, SEED, false);
            assertThatThrownBy(() -> batches.batch(-1)).isInstanceOf(IllegalArgumentException.class);
            batches.close();
            assertThatThrownBy(() -> batches.batch(0))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    private Path broken(String... names) throws Exception {
        Map<String, byte[]> files = new LinkedHashMap<>();
        try (ImageSet set = ImageSet.open(zip)) {
            for (int i = 0; i < COUNT; i++) {
                String name = set.name(i).split(" in ")[0];
                byte[] good = Samples.encode(set.read(i), "png");
                files.put(name, List.of(names).contains(name) ? Arrays.copyOf(good, 60) : good);
            }
        }
        Path path = folder.resolve("broken.zip");
        Files.deleteIfExists(path);
        return Samples.zip(path, files);
    }

    private static List<Integer> shown(ImageBatches batches, long step) {
        return Scope.value(() -> shown(batches.batch(step)));
    }

    private static List<Integer> shown(Images images) {
        List<Integer> shown = new ArrayList<>();
        for (int i = 0; i < images.pixels().size(0); i++) {
            float blue = images.pixels()
                    .select(0, i)
                    .select(0, 2)
                    .select(0, 4)
                    .select(0, 4)
                    .item_float();
            shown.add(Math.round((blue + 1) * 127.5f / 20));
        }
        return shown;
    }

    private static long hash(ImageBatches batches, long step) {
        return Scope.value(() -> {
            Tensor pixels = batches.batch(step).pixels();
            float[] values = new float[(int) pixels.numel()];
            pixels.data_ptr_float().get(values);
            return (long) Arrays.hashCode(values);
        });
    }
}
