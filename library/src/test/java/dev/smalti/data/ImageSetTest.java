package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedOutputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageSetTest {
    private static final byte[] PNG = Samples.encode(Samples.plain(8, 8, 1, 2, 3), "png");

    @TempDir
    Path folder;

    @Test
    void takes_classes_from_the_first_folder_level() throws Exception {
        Samples.file(folder.resolve("pear/b.PNG"), PNG);
        Samples.file(folder.resolve("pear/more/deep/c.png"), PNG);
        Samples.file(folder.resolve("apple/12.png"), PNG);
        Files.createDirectories(folder.resolve("empty"));

        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.size()).isEqualTo(3);
            assertThat(set.classNames()).containsExactly("apple", "pear");
            assertThat(List.of(set.label(0), set.label(1), set.label(2))).containsExactly(0, 1, 1);
            assertThat(set.name(0)).isEqualTo("apple/12.png in " + folder);
            assertThat(set.name(2)).startsWith("pear/more/deep/c.png");
            assertThat(set.read(1)).isEqualTo(Samples.plain(8, 8, 1, 2, 3));
        }
    }

    @Test
    void has_no_classes_where_all_pictures_lie_in_the_root() throws Exception {
        Samples.file(folder.resolve("a.png"), PNG);

        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.classNames()).isEmpty();
            assertThat(set.label(0)).isEqualTo(-1);
            assertThatThrownBy(() -> set.label(1)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void reads_zips_and_folders_alike() throws Exception {
        Map<String, byte[]> files = Map.of(
                "pear/1.png",
                PNG,
                "apple/2.png",
                PNG,
                "apple/1.gif",
                Samples.encode(Samples.plain(9, 9, 0, 0, 0), "gif"));
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Samples.file(folder.resolve("images").resolve(file.getKey()), file.getValue());
        }
        Path zip = Samples.zip(folder.resolve("images.zip"), files);

        try (ImageSet packed = ImageSet.open(zip);
                ImageSet loose = ImageSet.open(folder.resolve("images"))) {
            assertThat(packed.classNames()).isEqualTo(loose.classNames());
            assertThat(packed.fingerprint()).isEqualTo(loose.fingerprint()).matches("[0-9a-f]{64}");
            for (int i = 0; i < 3; i++) {
                assertThat(packed.read(i)).isEqualTo(loose.read(i));
                assertThat(packed.label(i)).isEqualTo(loose.label(i));
            }
            assertThat(packed.name(0)).isEqualTo("apple/1.gif in " + zip);
        }
    }

    @Test
    void changes_its_fingerprint_with_names_and_sizes() throws Exception {
        Samples.file(folder.resolve("a.png"), PNG);
        String before = ImageSet.open(folder).fingerprint();

        assertThat(ImageSet.open(folder).fingerprint()).isEqualTo(before);
        Samples.file(folder.resolve("b.png"), PNG);
        assertThat(ImageSet.open(folder).fingerprint()).isNotEqualTo(before);
    }

    @Test
    void orders_classes_by_number_where_all_are_numbers() throws Exception {
        for (String name : new String[] {"10", "9", "0"}) {
            Samples.file(folder.resolve(name).resolve("a.png"), PNG);
        }

        assertThat(ImageSet.open(folder).classNames()).containsExactly("0", "9", "10");
    }

    @Test
    void ignores_what_systems_and_people_leave_behind() throws Exception {
        for (String name : new String[] {
            "__MACOSX/a/._1.png",
            ".git/x.png",
            "a/.DS_Store",
            "a/Thumbs.db",
            "a/.hidden.png",
            "a/notes.txt",
            "README.md",
            "a/1.png"
        }) {
            Samples.file(folder.resolve("files").resolve(name), PNG);
        }
        Map<String, byte[]> entries = new LinkedHashMap<>();
        for (String name :
                new String[] {"./a/1.png", "__MACOSX/a/._1.png", "a/.hidden.png", "a/notes.txt", "README.md"}) {
            entries.put(name, PNG);
        }
        Path zip = Samples.zip(folder.resolve("a.zip"), entries);

        for (Path path : List.of(zip, folder.resolve("files"))) {
            try (ImageSet set = ImageSet.open(path)) {
                assertThat(set.size()).isEqualTo(1);
                assertThat(set.classNames()).containsExactly("a");
                assertThat(set.read(0).width()).isEqualTo(8);
            }
        }
    }

    @Test
    void refuses_pictures_both_in_the_root_and_in_folders() throws Exception {
        Samples.file(folder.resolve("a/1.png"), PNG);
        Samples.file(folder.resolve("grid.png"), PNG);

        assertThatThrownBy(() -> ImageSet.open(folder))
                .isInstanceOf(DataException.class)
                .hasMessageContaining(folder.toString())
                .hasMessageContaining("a/1.png")
                .hasMessageContaining("grid.png")
                .hasMessageContaining("move");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png", "a\\evil.png", "..\\evil.txt"
            })
    void refuses_zip_entries_that_lead_out(String name) throws Exception {
        Path zip = Samples.zip(folder.resolve("evil.zip"), Map.of("a/1.png", PNG, name, PNG));

        assertThatThrownBy(() -> ImageSet.open(zip))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("evil.zip")
                .hasMessageContaining("'" + name + "'");
    }

    @Test
    void says_what_is_wrong_with_a_path() throws Exception {
        Path text = Samples.file(folder.resolve("not.zip"), "this is no zip".getBytes());
        Path other = Samples.file(folder.resolve("notes.txt"), "this is no picture".getBytes());
        Path picture = Samples.file(folder.resolve("one.png"), PNG);
        Path empty = Files.createDirectories(folder.resolve("empty"));
        Path without = Samples.zip(folder.resolve("without.zip"), Map.of("notes.txt", new byte[3]));

        assertThatThrownBy(() -> ImageSet.open(folder.resolve("gone")))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("gone does not exist; give a folder or a zip");
        assertThatThrownBy(() -> ImageSet.open(text))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("not.zip must be a zip");
        assertThatThrownBy(() -> ImageSet.open(other))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("notes.txt is of no known kind");
        assertThatThrownBy(() -> ImageSet.open(picture))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("put single pictures into a folder");
        assertThatThrownBy(() -> ImageSet.open(empty))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("has no pictures")
                .hasMessageContaining("it is empty");
        assertThatThrownBy(() -> ImageSet.open(without))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("has no pictures")
                .hasMessageContaining("notes.txt");
    }

    @Test
    void names_the_broken_file_as_it_is_read() throws Exception {
        Samples.file(folder.resolve("a/good.png"), PNG);
        Samples.file(folder.resolve("a/text.png"), "text".getBytes());

        try (ImageSet set = ImageSet.open(folder)) {
            assertThat(set.read(0).width()).isEqualTo(8);
            assertThatThrownBy(() -> set.read(1))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("a/text.png in " + folder);
        }
    }

    @Test
    void names_the_file_that_vanished() throws Exception {
        Path file = Samples.file(folder.resolve("a.png"), PNG);

        try (ImageSet set = ImageSet.open(folder)) {
            Files.delete(file);
            assertThatThrownBy(() -> set.read(0))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("a.png in");
            assertThatThrownBy(set::fingerprint)
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("a.png in");
        }
    }

    @Test
    void does_not_walk_in_circles() throws Exception {
        Samples.file(folder.resolve("a/1.png"), PNG);
        Files.createSymbolicLink(folder.resolve("a/loop"), folder);

        assertThat(ImageSet.open(folder).size()).isEqualTo(1);
    }

    @Test
    void lists_20_000_entries_without_loading_them() throws Exception {
        Path zip = folder.resolve("many.zip");
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(zip));
                ZipOutputStream entries = new ZipOutputStream(out)) {
            for (int i = 0; i < 20_000; i++) {
                ZipEntry entry = new ZipEntry("class-%02d/%05d.png".formatted(i % 50, i));
                entry.setMethod(ZipEntry.STORED);
                entry.setSize(0);
                entry.setCrc(0);
                entries.putNextEntry(entry);
            }
        }

        try (ImageSet set = ImageSet.open(zip)) {
            assertThat(set.size()).isEqualTo(20_000);
            assertThat(set.classNames()).hasSize(50);
            assertThat(set.name(19_999)).startsWith("class-49/19999.png");
            assertThat(set.label(19_999)).isEqualTo(49);
        }
    }

    @Test
    void keeps_names_in_little_memory() {
        List<String> many = IntStream.range(0, 1000)
                .mapToObj(i -> "größe/%d.png".formatted(i))
                .toList();
        Names names = new Names(many);

        assertThat(names.size()).isEqualTo(1000);
        for (int i = 0; i < 1000; i++) {
            assertThat(names.get(i)).isEqualTo(many.get(i));
        }
    }

    @Test
    void reads_from_many_threads() throws Exception {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (int i = 0; i < 20; i++) {
            files.put("%02d.jpg".formatted(i), Samples.encode(Samples.gradient(32, 32, 10 * i), "jpg"));
        }

        try (ImageSet set = ImageSet.open(Samples.zip(folder.resolve("a.zip"), files))) {
            List<Pixels> alone = IntStream.range(0, 20).mapToObj(set::read).toList();
            List<Pixels> together = IntStream.range(0, 200)
                    .parallel()
                    .mapToObj(i -> set.read(i % 20))
                    .toList();
            for (int i = 0; i < 200; i++) {
                assertThat(together.get(i)).isEqualTo(alone.get(i % 20));
            }
        }
    }
}
