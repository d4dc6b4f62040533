package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Allocation;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NumpyFileTest {
    @TempDir
    Path folder;

    @Test
    void reads_what_it_wrote() {
        List<Pixels> images = List.of(Samples.gradient(5, 4, 1), Samples.gradient(5, 4, 2), Samples.gradient(5, 4, 3));
        Path file = folder.resolve("new/folder/a.npz");
        write(file, images, new int[] {2, 0, 1});

        try (ImageSet set = ImageSet.open(file)) {
            assertThat(set.size()).isEqualTo(3);
            assertThat(set.classNames()).containsExactly("0", "1", "2");
            assertThat(set.label(0)).isEqualTo(2);
            assertThat(set.read(0)).isEqualTo(images.get(0));
            assertThat(set.read(2)).isEqualTo(images.get(2));
        }
    }

    @Test
    void writes_headers_as_numpy_does() throws Exception {
        Path file = folder.resolve("a.npz");
        write(file, List.of(Samples.gradient(5, 4, 1)), new int[] {7});

        try (ZipFile zip = new ZipFile(file.toFile())) {
            byte[] images = zip.getInputStream(zip.getEntry("arr_0.npy")).readAllBytes();
            byte[] labels = zip.getInputStream(zip.getEntry("arr_1.npy")).readAllBytes();
            assertThat(images).hasSize(128 + 60);
            assertThat(new String(images, 10, 118, StandardCharsets.US_ASCII))
                    .startsWith("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 4, 5, 3), }")
                    .endsWith(" \n");
            assertThat(new String(labels, 10, 118, StandardCharsets.US_ASCII))
                    .contains("'<i8'")
                    .contains("(1,)");
            assertThat(labels).hasSize(128 + 8).endsWith(7, 0, 0, 0, 0, 0, 0, 0);
        }
    }

    @Test
    void writes_the_same_bytes_for_the_same_pictures() throws Exception {
        List<Pixels> images = List.of(Samples.gradient(5, 4, 1));
        write(folder.resolve("a.npz"), images, null);
        write(folder.resolve("b.npz"), images, null);

        assertThat(folder.resolve("a.npz")).hasSameBinaryContentAs(folder.resolve("b.npz"));
        assertThat(ImageSet.open(folder.resolve("a.npz")).classNames()).isEmpty();
    }

    @Test
    void writes_the_same_bytes_in_every_locale() throws Exception {
        Locale usual = Locale.getDefault();
        List<Pixels> images = List.of(Samples.gradient(5, 4, 1), Samples.gradient(5, 4, 2));
        write(folder.resolve("usual.npz"), images, new int[] {2, 0});
        try {
            Locale.setDefault(Locale.forLanguageTag("ar-EG"));
            write(folder.resolve("other.npz"), images, new int[] {2, 0});
        } finally {
            Locale.setDefault(usual);
        }

        assertThat(folder.resolve("other.npz")).hasSameBinaryContentAs(folder.resolve("usual.npz"));
    }

    @Test
    void leaves_nothing_behind_if_it_is_not_finished() throws Exception {
        try (NumpyFile.Writer writer = NumpyFile.writer(folder.resolve("a.npz"), 2, 5, 4)) {
            writer.add(Samples.gradient(5, 4, 1));
            assertThatThrownBy(() -> writer.add(Samples.gradient(4, 4, 1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("5 x 4");
            assertThatThrownBy(writer::finish)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("needs 2 pictures");
        }

        assertThat(Files.list(folder)).isEmpty();
    }

    @Test
    void reads_grey_pictures_and_any_integers_under_other_names() throws Exception {
        byte[] values =
                ByteBuffer.allocate(4).putShort((short) 300).putShort((short) 1).array();
        Path grey = Samples.zip(
                folder.resolve("grey.npz"),
                Map.of(
                        "x.npy",
                        npy("|u1", "(2, 1, 2)", new byte[] {1, 2, 3, 4}),
                        "y.npy",
                        npy(">i2", "(2, 1)", values)));
        Path single = Samples.zip(
                folder.resolve("single.npz"),
                Map.of(
                        "images.npy",
                        npy("|u1", "(2, 1, 2, 1)", new byte[] {1, 2, 3, 4}),
                        "labels.npy",
                        npy(
                                "<u4",
                                "(2,)",
                                ByteBuffer.allocate(8)
                                        .order(ByteOrder.LITTLE_ENDIAN)
                                        .putInt(5)
                                        .putInt(6)
                                        .array())));

        try (ImageSet set = ImageSet.open(grey);
                ImageSet other = ImageSet.open(single)) {
            assertThat(set.read(1).rgb()).containsExactly(3, 3, 3, 4, 4, 4);
            assertThat(set.label(0)).isEqualTo(300);
            assertThat(set.classNames()).hasSize(301);
            assertThat(other.read(1)).isEqualTo(set.read(1));
            assertThat(other.label(1)).isEqualTo(6);
        }
    }

    @Test
    void refuses_other_types_shapes_and_python_objects() throws Exception {
        refuses(Map.of("arr_0.npy", npy("<f4", "(1, 1, 1, 3)", new byte[12])), "must be u1 (uint8)", "f4 [1, 1, 1, 3]");
        refuses(Map.of("arr_0.npy", npy("|u1", "(1, 3, 4, 4)", new byte[48])), "u1 [1, 3, 4, 4]");
        refuses(Map.of("arr_0.npy", npy("|O", "(1,)", new byte[48])), "Python objects are not read");
        refuses(Map.of("arr_0.npy", npy("|u1", "(9, 4, 4, 3)", new byte[48])), "must have 432 bytes", "it has 48");
        refuses(Map.of("arr_0.npy", npy("|u1", "(60000, 256, 256, 3)", new byte[48])), "less than 2 GiB");
        refuses(Map.of("arr_0.npy", npy("|u1", "(99999999999999999999,)", new byte[48])), "shape");
        refuses(Map.of("arr_0.npy", npy("|u1", "()", new byte[1])), "u1 []");
        refuses(Map.of("arr_0.npy", npy("|u1", "(0, 4, 4, 3)", new byte[0])), "u1 [0, 4, 4, 3]");
        refuses(Map.of("arr_0.npy", new byte[] {1, 2, 3}), "must be an .npy array");
        refuses(Map.of("other.npy", npy("|u1", "(1, 1, 1, 3)", new byte[3])), "arr_0", "other.npy");
        byte[] image = npy("|u1", "(1, 1, 1, 3)", new byte[3]);
        refuses(Map.of("arr_0.npy", image, "arr_1.npy", npy("|i1", "(1,)", new byte[] {-1})), "got -1 at [0]");
        refuses(Map.of("arr_0.npy", image, "arr_1.npy", npy("|u1", "(2,)", new byte[2])), "integers [1], it is u1 [2]");
        Files.writeString(folder.resolve("text.npz"), "no zip at all");
        assertThatThrownBy(() -> ImageSet.open(folder.resolve("text.npz")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("cannot be read as an .npz");
    }

    @Test
    void takes_no_memory_for_bytes_that_only_the_directory_of_the_zip_has() throws Exception {
        for (int method : new int[] {ZipEntry.DEFLATED, ZipEntry.STORED}) {
            Path file = declared(npy("|u1", "(2000, 1000, 1000)", new byte[128]), 2_000_000_000, method);

            assertThat(Allocation.of(() -> assertThatThrownBy(() -> ImageSet.open(file))
                            .isInstanceOf(DataException.class)
                            .hasMessageContaining("declared.npz")
                            .hasMessageContaining("2,000,000,000 bytes")))
                    .isLessThan(8 << 20);
        }
    }

    @Test
    void quotes_a_line_of_a_header_at_most() throws Exception {
        byte[] blank = npy("|u1", "(1, 1, 1, 3)", new byte[3]);
        Arrays.fill(blank, 11, blank.length, (byte) ' ');
        String dimensions = "(" + "1, ".repeat(20_000) + ")";
        for (byte[] array : new byte[][] {
            blank,
            npy("|u1", dimensions, new byte[1]),
            npy("|u1", "(" + "9".repeat(60_000) + ",)", new byte[1]),
            npy("|O" + " ".repeat(60_000), "(1,)", new byte[1])
        }) {
            Path file = Samples.zip(folder.resolve("bad.npz"), Map.of("arr_0.npy", array));
            assertThatThrownBy(() -> ImageSet.open(file))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("arr_0")
                    .satisfies(e -> assertThat(e.getMessage().replace(file.toString(), ""))
                            .hasSizeLessThan(300)
                            .doesNotContain("\n"));
        }
    }

    /** A zip of one array whose directory says that it has {@code bytes} more than its header, packed or not. */
    private Path declared(byte[] array, int data, int method) throws Exception {
        Path file = folder.resolve("declared.npz");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            ZipEntry entry = new ZipEntry("arr_0.npy");
            entry.setMethod(method);
            entry.setSize(array.length);
            CRC32 checksum = new CRC32();
            checksum.update(array);
            entry.setCrc(checksum.getValue());
            zip.putNextEntry(entry);
            zip.write(array);
        }
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer zip = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int end = bytes.length - 22;
        int directory = zip.getInt(end + 16);
        int header = array.length - 128;
        zip.putInt(directory + 24, header + data);
        if (method == ZipEntry.STORED) {
            zip.putInt(directory + 20, header + data);
        }
        return Files.write(file, bytes);
    }

    private void refuses(Map<String, byte[]> entries, String... parts) throws Exception {
        Path file = Samples.zip(folder.resolve("bad.npz"), entries);
        assertThatThrownBy(() -> ImageSet.open(file))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("bad.npz")
                .hasMessageContainingAll(parts);
    }

    private static byte[] npy(String type, String shape, byte[] data) {
        String header = "{'descr': '%s', 'fortran_order': False, 'shape': %s}\n".formatted(type, shape);
        ByteBuffer file =
                ByteBuffer.allocate(10 + header.length() + data.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put(NumpyArray.MAGIC).put((byte) 1).put((byte) 0).putShort((short) header.length());
        return file.put(header.getBytes(StandardCharsets.US_ASCII)).put(data).array();
    }

    /** @param labels null for none */
    private static void write(Path file, List<Pixels> images, int[] labels) {
        Pixels first = images.get(0);
        try (NumpyFile.Writer writer = NumpyFile.writer(file, images.size(), first.width(), first.height())) {
            for (int i = 0; i < images.size(); i++) {
                if (labels == null) {
                    writer.add(images.get(i));
                } else {
                    writer.add(images.get(i), labels[i]);
                }
            }
            writer.finish();
        }
    }
}
