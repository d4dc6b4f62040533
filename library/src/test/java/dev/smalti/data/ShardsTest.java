package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.smalti.Notices;
import dev.smalti.tensor.Phrase;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tars in the layout of WebDataset, whole and broken. */
class ShardsTest {
    private static final byte[] PNG = Samples.encode(Samples.plain(8, 8, 1, 2, 3), "png");

    @TempDir
    private Path folder;

    @Test
    void takes_files_of_one_base_name_as_a_sample() throws Exception {
        byte[] other = Samples.encode(Samples.plain(8, 8, 200, 2, 3), "png");
        Path tar = tar(
                "a.tar", "b/1.cls", "bread", "b/1.png", PNG, "b/1.json", "{}", "b/2.png", other, "b/2.cls", "apple\n");
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.size()).isEqualTo(2);
            assertThat(set.classNames()).containsExactly("apple", "bread");
            assertThat(set.label(0)).isEqualTo(1);
            assertThat(set.label(1)).isZero();
            assertThat(Samples.red(set.read(1), 0, 0)).isEqualTo(200);
            assertThat(set.extent(0)).isEqualTo(new Extent(8, 8));
            assertThat(set.name(0)).isEqualTo("b/1.png in " + tar);
        }
        assertThat(Notices.of(() -> ImageSet.open(tar).close())).contains("1 files", "b/1.json");
    }

    @Test
    void numbers_in_cls_are_the_labels_themselves() throws Exception {
        try (ImageSet set = ImageSet.open(tar("a.tar", "1.png", PNG, "1.cls", "12", "2.png", PNG, "2.cls", "3"))) {
            assertThat(set.label(0)).isEqualTo(12);
            assertThat(set.label(1)).isEqualTo(3);
            assertThat(set.classNames()).hasSize(13).startsWith("0", "1");
            assertThat(set.emptyClasses()).hasSize(11);
        }
    }

    @Test
    void folders_are_the_classes_where_there_is_no_cls() throws Exception {
        try (ImageSet set = ImageSet.open(tar("a.tar", "./set/cheese/0.png", PNG, "./set/bread/0.png", PNG))) {
            assertThat(set.classNames()).containsExactly("bread", "cheese");
            assertThat(set.label(0)).isEqualTo(1);
        }
        try (ImageSet set = ImageSet.open(tar("b.tar", "0.png", PNG, "1.png", PNG))) {
            assertThat(set.classNames()).isEmpty();
            assertThat(set.label(0)).isEqualTo(-1);
        }
    }

    @Test
    void a_folder_or_a_list_of_shards_is_one_set_in_the_order_of_names() throws Exception {
        Path shards = Files.createDirectories(folder.resolve("shards"));
        for (int i = 0; i < 12; i++) {
            Samples.tar(
                    shards.resolve(Phrase.of("s-%02d.tar").with(i)),
                    files("0.png", Samples.encode(Samples.plain(8, 8, i, 0, 0), "png"), "0.cls", "c" + i % 3));
        }
        Files.writeString(shards.resolve("sizes.json"), "{}");
        for (Path path : List.of(shards, shards.resolve("s-{00..11}.tar"))) {
            try (ImageSet set = ImageSet.open(path)) {
                assertThat(IntStream.range(0, 12).map(i -> Samples.red(set.read(i), 0, 0)))
                        .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
                assertThat(set.classNames()).containsExactly("c0", "c1", "c2");
                assertThat(set.label(11)).isEqualTo(2);
            }
        }
        try (ImageSet set = ImageSet.open(shards.resolve("s-{04..05}.tar"))) {
            assertThat(Samples.red(set.read(0), 0, 0)).isEqualTo(4);
        }
        refused(shards.resolve("s-{00..12}.tar"), "13 files", "s-12.tar is not there");
        refused(shards.resolve("s-{5..2}.tar"), "from a number to one that isn't smaller");
        refused(shards.resolve("s-{0..999999999}.tar"), "1 to 100,000 files");
    }

    @Test
    void a_folder_of_pictures_stays_one_when_a_tar_lies_in_it() throws Exception {
        tar("backup.tar", "0.png", PNG);
        Samples.file(folder.resolve("cheese/0.png"), PNG);
        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.classNames()).containsExactly("cheese");
        }
    }

    @Test
    void the_fingerprint_knows_names_sizes_and_classes_but_not_the_shards() throws Exception {
        String one = fingerprint(tar("1.tar", "1.png", PNG, "1.cls", "a", "2.png", PNG, "2.cls", "b"));
        assertThat(fingerprint(tar("2.tar", "1.png", PNG, "1.cls", "a", "2.png", PNG, "2.cls", "b")))
                .isEqualTo(one);
        assertThat(fingerprint(tar("3.tar", "1.png", PNG, "1.cls", "b", "2.png", PNG, "2.cls", "b")))
                .isNotEqualTo(one);
        assertThat(fingerprint(tar("4.tar", "1.png", PNG, "1.cls", "a", "3.png", PNG, "3.cls", "b")))
                .isNotEqualTo(one);
        Path split = Files.createDirectories(folder.resolve("split"));
        Samples.tar(split.resolve("1.tar"), files("1.png", PNG, "1.cls", "a"));
        Samples.tar(split.resolve("2.tar"), files("2.png", PNG, "2.cls", "b"));
        assertThat(fingerprint(split)).isEqualTo(one);
    }

    @ParameterizedTest
    @ValueSource(ints = {TarArchiveOutputStream.LONGFILE_GNU, TarArchiveOutputStream.LONGFILE_POSIX})
    void reads_long_names_of_gnu_and_pax(int mode) throws Exception {
        String name = "ü".repeat(70) + "/" + "deep/".repeat(40) + "käse.png";
        Path tar = Samples.tar(folder.resolve("a.tar"), mode, files(name, PNG, "x/1.png", PNG));
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.name(0)).startsWith(name.substring(0, 199));
            assertThat(set.read(0).width()).isEqualTo(8);
            assertThat(set.classNames()).containsExactly("x", "ü".repeat(70));
        }
    }

    @Test
    void a_size_that_pax_says_comes_before_that_of_the_header() throws Exception {
        String size =
                Phrase.of("%d size=%d\n").with(9 + Integer.toString(PNG.length).length(), PNG.length);
        byte[] pax = size.getBytes(StandardCharsets.UTF_8);
        Path tar = raw(
                Samples.tarHeader("pax", octal(pax.length), 'x'),
                padded(pax),
                Samples.tarHeader("1.png", octal(0), '0'),
                padded(PNG),
                end());
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.read(0).width()).isEqualTo(8);
        }
    }

    @Test
    void large_files_between_are_passed_over() throws Exception {
        Path tar = tar("a.tar", "1.npy", new byte[3 << 20], "1.png", PNG, "2.bmp", new byte[5 << 20], "3.png", PNG);
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.size()).isEqualTo(3);
            assertThat(set.read(2).width()).isEqualTo(8);
        }
    }

    @Test
    void links_and_devices_are_left_out_and_told_of() throws Exception {
        byte[] none = octal(0);
        Path tar = raw(
                Samples.tarHeader("1.png", octal(PNG.length), '0'),
                padded(PNG),
                Samples.tarHeader("2.png", none, '1'),
                Samples.tarHeader("3.png", none, '2'),
                Samples.tarHeader("4.png", none, '3'),
                Samples.tarHeader("5.png/", none, '5'),
                end());
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.size()).isEqualTo(1);
        }
        assertThat(Notices.of(() -> ImageSet.open(tar).close())).contains("3 links, devices");
    }

    @Test
    void refuses_files_with_holes_of_pax_1() throws Exception {
        byte[] pax =
                "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n25 GNU.sparse.name=1.npy\n28 GNU.sparse.realsize=9999\n"
                        .getBytes(StandardCharsets.UTF_8);
        byte[] map = Arrays.copyOf("1\n0\n512\n".getBytes(StandardCharsets.UTF_8), 512);
        refused(
                raw(
                        Samples.tarHeader("pax", octal(pax.length), 'x'),
                        padded(pax),
                        Samples.tarHeader("GNUSparseFile.0/1.npy", octal(1024), '0'),
                        map,
                        new byte[512],
                        Samples.tarHeader("1.png", octal(PNG.length), '0'),
                        padded(PNG),
                        end()),
                "has the file 1.npy with holes",
                "pack it without");
    }

    @Test
    void a_file_that_is_called_like_a_folder_is_passed_over_with_its_bytes() throws Exception {
        byte[] hidden = Samples.tarHeader("2.png", octal(0), '0');
        Path tar = raw(
                Samples.tarHeader("x/", octal(hidden.length), '0'),
                hidden,
                Samples.tarHeader("1.png", octal(PNG.length), '0'),
                padded(PNG),
                end());
        try (ImageSet set = ImageSet.open(tar)) {
            assertThat(set.size()).isEqualTo(1);
            assertThat(set.name(0)).startsWith("1.png");
        }
    }

    @Test
    void pictures_whose_names_have_several_dots_are_told_of() throws Exception {
        Path tar = tar("a.tar", "1.png", PNG, "a.b.png", PNG, "c.d.e.JPG", PNG, "f.g.txt", "x");
        assertThat(Notices.of(() -> ImageSet.open(tar).close()))
                .contains("2 pictures are ignored, a.b.png for one", "its first dot");
        refused(
                tar("b.tar", "in/cheese.png", PNG, "beside.png", PNG),
                "pictures both in folders (in/cheese.png) and beside them (beside.png)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../1.png", "/etc/1.png", "a/../../1.png", "C:/1.png", "a\\1.png"})
    void refuses_names_that_lead_out(String name) throws Exception {
        refused(tar("a.tar", name, PNG), "a.tar has the entry", "names must be relative");
    }

    @Test
    void refuses_what_is_there_twice() throws Exception {
        refused(tar("a.tar", "1.png", PNG, "1.jpg", PNG), "two pictures of one sample, 1.png and 1.jpg");
        refused(tar("b.tar", "1.png", PNG, "2.png", PNG, "1.jpg", PNG), "has 1.jpg twice");
        refused(
                raw(
                        Samples.tarHeader("1.cls", octal(1), '0'),
                        padded(new byte[] {'1'}),
                        Samples.tarHeader("1.cls", octal(1), '0'),
                        padded(new byte[] {'1'}),
                        end()),
                "has 1.cls twice");
    }

    @Test
    void refuses_classes_of_some_and_those_that_are_none() throws Exception {
        refused(tar("a.tar", "1.png", PNG, "1.cls", "x", "2.png", PNG), "none beside 2.png", "tar --sort=name");
        refused(tar("b.tar", "1.png", PNG, "1.cls", " "), "1.cls that says ''");
        refused(tar("c.tar", "1.png", PNG, "1.cls", "x".repeat(2000)), "1.cls of 2,000 bytes");
        refused(tar("d.tar", "1.png", PNG, "1.cls", "999999999"), "class 999999999", "below 1,048,576");
    }

    @Test
    void refuses_a_tar_that_was_cut_off() throws Exception {
        byte[] whole = Files.readAllBytes(tar("a.tar", "1.png", PNG, "2.png", new byte[5000]));
        refused(
                raw(Arrays.copyOf(whole, 2048)),
                "ends before its entry 2.png",
                "declares 5,000 bytes where 512 are left");
        refused(raw(Arrays.copyOf(whole, 700)), "has 700 bytes", "it was cut off");
        refused(raw(Arrays.copyOf(whole, 1024)), "has no end");
        refused(raw(whole, whole), "goes on behind its end");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-1", // octal takes no sign
                "77777777777",
                "9x",
                "800000007fffffffffffffff", // base 256
                "80ffffffffffffffffffffff",
                "ffffffffffffffffffffff01" // below 0
            })
    void refuses_sizes_that_cannot_be(String size) throws Exception {
        byte[] said = size.length() == 24 ? HexFormat.of().parseHex(size) : size.getBytes(StandardCharsets.US_ASCII);
        refused(raw(Samples.tarHeader("1.png", said, '0'), end()), "raw.tar");
    }

    @Test
    void reads_sizes_in_base_256() throws Exception {
        byte[] said = HexFormat.of().parseHex("80" + Phrase.of("%022x").with(PNG.length));
        try (ImageSet set = ImageSet.open(raw(Samples.tarHeader("1.png", said, '0'), padded(PNG), end()))) {
            assertThat(set.read(0).width()).isEqualTo(8);
        }
    }

    @Test
    void refuses_headers_without_end() throws Exception {
        byte[] name = new byte[3 << 20];
        Arrays.fill(name, (byte) 'a');
        refused(
                raw(
                        Samples.tarHeader("long", octal(name.length), 'L'),
                        name,
                        Samples.tarHeader("1.png", octal(0), '0'),
                        end()),
                "more than 1,048,576 bytes");
        byte[][] many = new byte[20_000][];
        for (int i = 0; i < many.length; i++) {
            many[i] = Samples.tarHeader("pax", octal(0), 'x');
        }
        Path nested = raw(many);
        refused(nested, "raw.tar");
        AtomicReference<Throwable> found = new AtomicReference<>();
        Thread narrow = new Thread(
                null,
                () -> found.set(catchThrowable(() -> ImageSet.open(nested))),
                "narrow",
                1 << 18); // bytes of stack
        narrow.start();
        narrow.join();
        assertThat(found.get()).isInstanceOf(DataException.class).hasMessageContaining("raw.tar");
        byte[] broken = Samples.tarHeader("1.png", octal(0), '0');
        broken[0]++;
        refused(raw(broken, end()), "none of a tar");
    }

    @Test
    void refuses_what_has_no_pictures_or_is_packed_as_a_whole() throws Exception {
        refused(tar("a.tar", "1.txt", "x"), "has no pictures", "1 other files like 1.txt");
        refused(raw(end()), "it is empty");
        Path packed = Samples.file(folder.resolve("packed/a.tar.gz"), new byte[] {31, (byte) 139, 8, 0});
        refused(packed, "a.tar.gz is packed as a whole", "unpack it");
        refused(packed.getParent(), "a.tar.gz is packed as a whole");
    }

    /** More samples by {@code -Dsmalti.samples}. */
    @Test
    void many_samples_take_few_bytes_each() throws Exception {
        int count = Integer.getInteger("smalti.samples", 200_000);
        Path tar = many(count);
        ImageSet.open(tar("a.tar", "1.png", PNG)).close(); // loads classes
        long before = retained();
        long started = System.nanoTime();
        try (ImageSet set = ImageSet.open(tar)) {
            long milliseconds = (System.nanoTime() - started) / 1_000_000;
            long held = retained() - before;
            System.err.printf("%,d samples: %,d bytes, %,d ms%n", count, held, milliseconds);
            assertThat(set.size()).isEqualTo(count);
            assertThat(held / (double) count).isBetween(10.0, 60.0); // a string of such a name takes 72 alone
            assertThat(set.name(count - 1)).startsWith(sample(count - 1) + ".png in ");
            assertThat(set.label(count - 1)).isEqualTo((count - 1) % 1000);
            assertThat(set.classNames()).hasSize(1000);
        }
    }

    private Path many(int count) throws IOException {
        Path tar = folder.resolve("many.tar");
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(tar), 1 << 20)) {
            for (int i = 0; i < count; i++) {
                out.write(Samples.tarHeader(sample(i) + ".png", octal(0), '0'));
            }
            out.write(end());
        }
        return tar;
    }

    private static String sample(int number) {
        return Phrase.of("%03d/%09d").with(number % 1000, number);
    }

    /** What lives, after the collector has been asked until no more goes. */
    private static long retained() {
        long least = Long.MAX_VALUE;
        for (int i = 0; i < 6; i++) {
            System.gc();
            least = Math.min(
                    least,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
        }
        return least;
    }

    private static String fingerprint(Path path) {
        try (ImageSet set = ImageSet.open(path)) {
            return set.fingerprint();
        }
    }

    private static void refused(Path path, String... parts) {
        assertThatThrownBy(() -> ImageSet.open(path))
                .isInstanceOf(DataException.class)
                .hasMessageContainingAll(parts);
    }

    private Path tar(String name, Object... namesAndContents) throws IOException {
        return Samples.tar(folder.resolve(name), files(namesAndContents));
    }

    private static Map<String, byte[]> files(Object... namesAndContents) {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int i = 0; i < namesAndContents.length; i += 2) {
            Object contents = namesAndContents[i + 1];
            files.put(
                    (String) namesAndContents[i],
                    contents instanceof String text ? text.getBytes(StandardCharsets.UTF_8) : (byte[]) contents);
        }
        return files;
    }

    private Path raw(byte[]... pieces) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] piece : pieces) {
            all.write(piece);
        }
        return Files.write(folder.resolve("raw.tar"), all.toByteArray());
    }

    private static byte[] octal(long size) {
        return Phrase.of("%011o").with(size).getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] padded(byte[] bytes) {
        return Arrays.copyOf(bytes, (bytes.length + 511) / 512 * 512);
    }

    private static byte[] end() {
        return new byte[1024];
    }
}
