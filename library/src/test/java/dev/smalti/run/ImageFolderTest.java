package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pixels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFolderTest {
    private static final Pixels DOT = new Pixels(1, 1, new byte[3]);

    @TempDir
    private Path folder;

    @Test
    void makes_names_of_folders_of_any_class() {
        assertThat(ImageFolder.safe(List.of(
                        "Banana 1",
                        "a/b",
                        "..",
                        ".hidden",
                        "",
                        "CON",
                        "nul.txt",
                        "x. ",
                        "Äpfel",
                        "__MACOSX",
                        "@eaDir")))
                .containsExactly(
                        "Banana 1",
                        "a_b",
                        "_",
                        "_hidden",
                        "_-4",
                        "_CON",
                        "_nul.txt",
                        "x_",
                        "Äpfel",
                        "___MACOSX",
                        "_@eaDir");
    }

    @Test
    void keeps_classes_apart_whose_names_would_be_one() {
        assertThat(ImageFolder.safe(List.of("a/b", "a_b", "A:B", "a_b-1")))
                .doesNotHaveDuplicates()
                .hasSize(4);
        String longName = "é".repeat(300);
        assertThat(ImageFolder.safe(List.of(longName, longName)))
                .doesNotHaveDuplicates()
                .allMatch(name -> name.getBytes(StandardCharsets.UTF_8).length < 255);
    }

    @Test
    void shows_nothing_before_it_is_finished() {
        Path out = folder.resolve("new").resolve("out");
        try (ImageFolder images = new ImageFolder(out, List.of("a"), 2, new long[2])) {
            images.image(0, DOT);
            assertThat(out).doesNotExist();
            images.finish();
        }
        assertThat(out.resolve("a").resolve("00000.png")).exists();
        assertThat(folder.resolve("new").toFile().list()).containsExactly("out");
    }

    @Test
    void drops_what_was_not_finished() throws Exception {
        Path out = Files.createDirectories(folder.resolve("out"));
        try (ImageFolder images = new ImageFolder(out, List.of(), 200_000, null)) {
            images.image(7, DOT);
        }
        assertThat(out).isEmptyDirectory();
        try (ImageFolder images = new ImageFolder(out, List.of(), 200_000, null)) {
            images.image(7, DOT);
            images.finish();
        }
        assertThat(out.toFile().list()).containsExactly("000007.png");
    }
}
