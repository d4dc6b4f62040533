package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Notices;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
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

/** What the folders of a set of pictures mean, loose and packed. */
class ImageTreeTest {
    private static final byte[] PNG = Samples.encode(Samples.plain(8, 8, 1, 2, 3), "png");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "@eaDir/cheese/0.png/THUMB_M.png",
                "cheese/@eaDir/0.png/THUMB_M.png",
                "cheese/.@__thumb/0.png",
                "#recycle/old.png",
                "@Recycle/old.png",
                "#snapshot/daily/cheese/0.png",
                "$RECYCLE.BIN/old.png",
                "System Volume Information/x.png",
                "lost+found/x.png",
                "__MACOSX/cheese/._0.png",
                ".Trash-1000/files/x.png"
            })
    void leaves_out_what_systems_keep(String theirs) throws Exception {
        for (Path path : looseAndPacked("cheese/0.png", "bread/0.png", theirs)) {
            try (ImageSet set = ImageSet.open(path)) {
                assertThat(set.classNames()).containsExactly("bread", "cheese");
                assertThat(set.size()).isEqualTo(2);
            }
        }
        assertThat(ImageSet.ignores(theirs.split("/")[0]) || ImageSet.ignores(theirs.split("/")[1]))
                .isTrue();
    }

    @Test
    void takes_the_folders_in_a_single_folder_as_classes() throws Exception {
        for (Path path : looseAndPacked(
                "set/cheese/0.png", "set/bread/deep/0.png", "set/bread/0.png", "__MACOSX/set/cheese/._0.png")) {
            List<String> names = names(path);
            assertThat(names).containsExactly("bread", "cheese");
            assertThat(Notices.of(() -> names(path))).contains("all pictures lie in its folder set/");
        }
        for (Path path : looseAndPacked("./a/b/cheese/0.png", "./a/b/bread/0.png")) {
            assertThat(names(path)).containsExactly("bread", "cheese");
            try (ImageSet set = ImageSet.open(path)) {
                assertThat(set.label(0)).isZero();
                assertThat(set.read(1).width()).isEqualTo(8);
            }
        }
    }

    @Test
    void keeps_a_single_class_and_pictures_that_lie_in_one_folder() throws Exception {
        for (Path path : looseAndPacked("cheese/0.png", "cheese/1.png")) {
            assertThat(names(path)).containsExactly("cheese");
        }
        for (Path path : looseAndPacked("set/0.png", "set/more/1.png")) {
            assertThat(names(path)).containsExactly("set");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"train val", "Train Test valid", "training validation", "test val"})
    void tells_of_parts_of_a_set_that_would_be_classes(String parts) throws Exception {
        String[] names = parts.split(" ");
        String[] deep = IntStream.range(0, 2 * names.length)
                .mapToObj(i -> names[i / 2] + (i % 2 == 0 ? "/cheese/0.png" : "/bread/0.png"))
                .toArray(String[]::new);
        for (Path path : looseAndPacked(deep)) {
            assertThat(Notices.of(() -> assertThat(names(path)).hasSize(names.length)))
                    .contains("one folder deeper")
                    .contains("give " + (Files.isDirectory(path) ? path.resolve(names[0]) : names[0] + ", unpacked"));
        }
        String[] flat = IntStream.range(0, names.length)
                .mapToObj(i -> "set/" + names[i] + "/0.png")
                .toArray(String[]::new);
        Path path = looseAndPacked(flat).get(0);
        assertThat(Notices.of(() -> names(path)))
                .contains("look like parts of a set")
                .contains("give " + path.resolve("set").resolve(names[0]));
    }

    @Test
    void says_nothing_of_classes_that_are_no_parts() throws Exception {
        for (Path path : looseAndPacked("train/cheese/0.png", "ship/cheese/0.png")) {
            assertThat(Notices.of(() -> names(path))).isEmpty();
        }
    }

    @Test
    void reads_names_of_a_zip_in_the_code_page_of_dos() throws Exception {
        assertThat(names(zip("dos.zip", Charset.forName("IBM437"), "Käse/0.png", "Brot/0.png")))
                .containsExactly("Brot", "Käse");
    }

    @Test
    void reads_names_of_a_zip_in_utf_8_whether_it_says_so_or_not() throws Exception {
        assertThat(names(zip("flagged.zip", StandardCharsets.UTF_8, "Käse/0.png")))
                .containsExactly("Käse");
        Path silent = zip("silent.zip", StandardCharsets.UTF_8, "Käse/0.png", "パン/0.png");
        Files.write(silent, withoutFlags(Files.readAllBytes(silent)));
        assertThat(names(silent)).containsExactly("Käse", "パン");
    }

    @Test
    void takes_a_letter_and_its_accent_for_the_composed_letter() throws Exception {
        for (Path path : looseAndPacked("Ka\u0308se/0.png", "K\u00e4se/1.png", "Brot/0.png")) {
            assertThat(names(path)).containsExactly("Brot", "K\u00e4se");
            try (ImageSet set = ImageSet.open(path)) {
                assertThat(IntStream.range(0, 3).map(set::label)).containsExactlyInAnyOrder(0, 1, 1);
                assertThat(set.read(1).width()).isEqualTo(8);
            }
        }
    }

    @Test
    void refuses_a_class_of_endless_name() throws Exception {
        Path zip = zip("long.zip", StandardCharsets.UTF_8, "x".repeat(60_000) + "/0.png");
        assertThatThrownBy(() -> ImageSet.open(zip))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("60,000 letters")
                .satisfies(e -> assertThat(e.getMessage().length())
                        .isLessThan(300 + zip.toString().length()));
    }

    private List<Path> looseAndPacked(String... names) throws Exception {
        Path loose = Files.createTempDirectory(folder, "loose");
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (String name : names) {
            files.put(name, PNG);
            Samples.file(loose.resolve(name), PNG);
        }
        return List.of(loose, Samples.zip(loose.resolveSibling(loose.getFileName() + ".zip"), files));
    }

    private Path zip(String name, Charset charset, String... entries) throws Exception {
        Path zip = folder.resolve(name);
        try (OutputStream out = Files.newOutputStream(zip);
                ZipOutputStream packed = new ZipOutputStream(out, charset)) {
            for (String entry : entries) {
                packed.putNextEntry(new ZipEntry(entry));
                packed.write(PNG);
                packed.closeEntry();
            }
        }
        return zip;
    }

    /** Clears bit 11, names in UTF-8, of all headers, as packers on Unix leave it. */
    private static byte[] withoutFlags(byte[] zip) {
        for (int i = 0; i + 9 < zip.length; i++) {
            if (zip[i] == 'P' && zip[i + 1] == 'K' && (zip[i + 2] == 3 || zip[i + 2] == 1)) {
                zip[i + (zip[i + 2] == 3 ? 7 : 9)] &= ~8;
            }
        }
        return zip;
    }

    private static List<String> names(Path path) {
        try (ImageSet set = ImageSet.open(path)) {
            return set.classNames();
        }
    }
}
