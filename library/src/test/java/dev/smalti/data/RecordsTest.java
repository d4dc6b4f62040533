package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Allocation;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** IDX and CIFAR. */
class RecordsTest {
    @TempDir
    Path folder;

    @Test
    void reads_idx_with_labels_as_grey() throws Exception {
        Path file = Samples.file(folder.resolve("t10k-images-idx3-ubyte"), images(12, 4, 3));
        Samples.file(folder.resolve("t10k-labels-idx1-ubyte"), labels(12));

        try (ImageSet set = ImageSet.open(file)) {
            assertThat(set.size()).isEqualTo(12);
            assertThat(set.classNames()).containsExactly("0", "1", "2", "3", "4", "5", "6", "7", "8", "9");
            assertThat(set.label(11)).isEqualTo(1);
            assertThat(set.read(2).width()).isEqualTo(3);
            assertThat(set.read(2).height()).isEqualTo(4);
            assertThat(set.read(2).rgb()).startsWith(24, 24, 24, 25, 25, 25);
            assertThat(set.name(2)).isEqualTo("image 2 of " + file);
            assertThat(set.fingerprint()).hasSize(64);
        }
    }

    @Test
    void prefers_the_training_set_of_a_folder_packed_or_not() throws Exception {
        Samples.file(folder.resolve("t10k-images-idx3-ubyte"), images(2, 4, 3));
        Samples.file(folder.resolve("train-images-idx3-ubyte.gz"), gzip(images(10, 4, 3)));
        Samples.file(folder.resolve("train-labels-idx1-ubyte.gz"), gzip(labels(10)));

        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.size()).isEqualTo(10);
            assertThat(set.label(9)).isEqualTo(9);
            assertThat(set.read(9).rgb()).startsWith(108, 108, 108);
        }
    }

    @Test
    void has_no_classes_where_idx_labels_are_missing() throws Exception {
        Path file = Samples.file(folder.resolve("some.images"), images(2, 4, 3));

        try (ImageSet set = ImageSet.open(file)) {
            assertThat(set.classNames()).isEmpty();
            assertThat(set.label(0)).isEqualTo(-1);
        }
    }

    @Test
    void refuses_idx_files_whose_header_is_wrong() throws Exception {
        byte[] cut = Arrays.copyOf(images(3, 4, 3), 40);
        Path truncated = Samples.file(folder.resolve("a-images-idx3-ubyte"), cut);
        Path swapped = Samples.file(folder.resolve("b-images-idx3-ubyte"), labels(9));
        Path huge = Samples.file(folder.resolve("c-images-idx3-ubyte"), images(3, 4, 3));
        Files.write(
                huge,
                ByteBuffer.wrap(Files.readAllBytes(huge)).putInt(8, 1 << 30).array());
        Path uneven = Samples.file(folder.resolve("d-images-idx3-ubyte"), images(3, 4, 3));
        Samples.file(folder.resolve("d-labels-idx1-ubyte"), labels(4));
        Path packed = Samples.file(folder.resolve("e-images-idx3-ubyte.gz"), Arrays.copyOf(gzip(images(3, 4, 3)), 30));

        assertThatThrownBy(() -> ImageSet.open(truncated))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a-images-idx3-ubyte must have 52 bytes by its header, it has 40");
        assertThatThrownBy(() -> ImageSet.open(swapped))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("must start with 00000803")
                .hasMessageContaining("it starts with 00000801");
        assertThatThrownBy(() -> ImageSet.open(huge))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("8192");
        assertThatThrownBy(() -> ImageSet.open(uneven))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("one label for each of 3 images, it has 4");
        assertThatThrownBy(() -> ImageSet.open(packed))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("e-images-idx3-ubyte.gz cannot be read");
    }

    @Test
    void reads_cifar_10_from_a_folder_with_its_class_names() throws Exception {
        Samples.file(folder.resolve("data_batch_1.bin"), cifar(2, 1, 0));
        Samples.file(folder.resolve("data_batch_2.bin"), cifar(3, 1, 2));
        Path test = Samples.file(folder.resolve("test_batch.bin"), cifar(1, 1, 9));
        Files.writeString(
                folder.resolve("batches.meta.txt"),
                "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");

        try (ImageSet set = ImageSet.open(folder);
                ImageSet tests = ImageSet.open(test)) {
            assertThat(set.size()).isEqualTo(5);
            assertThat(set.classNames()).hasSize(10).startsWith("airplane", "automobile", "bird");
            assertThat(set.label(3)).isEqualTo(3);
            Pixels image = set.read(3);
            assertThat(image.width()).isEqualTo(32);
            assertThat(image.rgb()).startsWith(10, 20, 3, 10, 20, 3);
            assertThat(tests.size()).isEqualTo(1);
            assertThat(tests.label(0)).isEqualTo(9);
        }
    }

    @Test
    void reads_the_fine_labels_of_cifar_100() throws Exception {
        Path file = Samples.file(folder.resolve("train.bin"), cifar(3, 2, 97));

        try (ImageSet set = ImageSet.open(file)) {
            assertThat(set.size()).isEqualTo(3);
            assertThat(set.label(1)).isEqualTo(98);
            assertThat(set.classNames()).hasSize(100).endsWith("98", "99");
            assertThat(set.read(1).rgb()).startsWith(10, 20, 98);
        }
        Files.writeString(
                folder.resolve("fine_label_names.txt"),
                IntStream.range(0, 100).mapToObj(i -> "class " + i).collect(Collectors.joining("\n")));
        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.classNames()).contains("class 98");
        }
    }

    @Test
    void refuses_binaries_that_are_not_cifar() throws Exception {
        Path odd = Samples.file(folder.resolve("odd.bin"), new byte[5000]);
        byte[] label = cifar(2, 1, 0);
        label[3073] = 77;
        Path wrong = Samples.file(folder.resolve("wrong.bin"), label);

        assertThatThrownBy(() -> ImageSet.open(odd))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("records of 3073 bytes (CIFAR-10) or 3074");
        assertThatThrownBy(() -> ImageSet.open(wrong))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("image 1 of " + wrong)
                .hasMessageContaining("below 10, it has 77");
    }

    @Test
    void unpacks_no_more_than_the_header_of_an_idx_file_that_is_none() throws Exception {
        Path zeros = Samples.file(folder.resolve("x-images-idx3-ubyte.gz"), gzip(new byte[64 << 20]));

        assertThat(Allocation.of(() -> assertThatThrownBy(() -> ImageSet.open(zeros))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("must start with 00000803")))
                .isLessThan(8 << 20);
    }

    @Test
    void unpacks_no_more_of_an_idx_file_than_its_header_says() throws Exception {
        byte[] more = Arrays.copyOf(images(3, 4, 3), 64 << 20);
        Path longer = Samples.file(folder.resolve("x-images-idx3-ubyte.gz"), gzip(more));

        assertThat(Allocation.of(() -> assertThatThrownBy(() -> ImageSet.open(longer))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("must have 52 bytes by its header, it has more")))
                .isLessThan(8 << 20);
    }

    @Test
    void takes_no_memory_for_images_that_cannot_be_in_the_file() throws Exception {
        byte[] header = ByteBuffer.allocate(16)
                .putInt(0x803)
                .putInt(31)
                .putInt(8192)
                .putInt(8192)
                .array();
        Path packed = Samples.file(folder.resolve("x-images-idx3-ubyte.gz"), gzip(header));
        Path loose = Samples.file(folder.resolve("y-images-idx3-ubyte"), header);

        for (Path file : List.of(packed, loose)) {
            assertThat(Allocation.of(() -> assertThatThrownBy(() -> ImageSet.open(file))
                            .isInstanceOf(DataException.class)
                            .hasMessageContaining(file.toString())
                            .hasMessageContaining("2,080,374,800 bytes")))
                    .isLessThan(8 << 20);
        }
    }

    @Test
    void names_the_classes_that_no_picture_has() throws Exception {
        Path file = Samples.file(folder.resolve("t10k-images-idx3-ubyte"), images(2, 4, 3));
        Samples.file(folder.resolve("t10k-labels-idx1-ubyte"), new byte[] {0, 0, 8, 1, 0, 0, 0, 2, 3, 1});

        try (ImageSet set = ImageSet.open(file)) {
            assertThat(set.classNames()).hasSize(4);
            assertThat(set.emptyClasses()).containsExactly("0", "2");
        }
    }

    @Test
    void refuses_endless_names_of_cifars_classes() throws Exception {
        Path file = Samples.file(folder.resolve("data_batch_1.bin"), cifar(2, 1, 0));
        Samples.file(folder.resolve("batches.meta.txt"), new byte[100_000]);

        assertThatThrownBy(() -> ImageSet.open(file))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("batches.meta.txt must have at most 65,536 bytes");
    }

    private static byte[] images(int count, int height, int width) {
        ByteBuffer bytes = ByteBuffer.allocate(16 + count * height * width);
        bytes.putInt(0x803).putInt(count).putInt(height).putInt(width);
        for (int i = 0; bytes.hasRemaining(); i++) {
            bytes.put((byte) i);
        }
        return bytes.array();
    }

    private static byte[] labels(int count) {
        ByteBuffer bytes = ByteBuffer.allocate(8 + count).putInt(0x801).putInt(count);
        for (int i = 0; i < count; i++) {
            bytes.put((byte) (i % 10));
        }
        return bytes.array();
    }

    /** Red 10, green 20; blue and the label count upwards. */
    private static byte[] cifar(int count, int labelBytes, int first) {
        ByteBuffer bytes = ByteBuffer.allocate(count * (labelBytes + 3072));
        for (int i = 0; i < count; i++) {
            bytes.put(new byte[labelBytes - 1]).put((byte) (first + i));
            for (int value : new int[] {10, 20, first + i}) {
                for (int pixel = 0; pixel < 1024; pixel++) {
                    bytes.put((byte) value);
                }
            }
        }
        return bytes.array();
    }

    private static byte[] gzip(byte[] bytes) throws Exception {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(packed)) {
            out.write(bytes);
        }
        return packed.toByteArray();
    }
}
