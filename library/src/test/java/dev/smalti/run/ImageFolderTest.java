package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Pixels;
import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageFolderTest {
    private static final Pixels DOT = new Pixels(1, 1, new byte[3]);
    private static final Identity REQUEST = Identity.of(Map.of("seed", 1));

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

    @Test
    void is_written_by_one_at_a_time() throws Exception {
        Path fresh = folder.resolve("fresh");
        Path empty = Files.createDirectories(folder.resolve("empty"));
        for (Path out : List.of(fresh, empty)) {
            try (ImageFolder images = new ImageFolder(out, List.of(), 1, null)) {
                assertThatThrownBy(() -> new ImageFolder(out, List.of(), 1, null))
                        .hasMessageContaining(out + " is being worked on by this process");
                images.image(0, DOT);
                images.finish();
            }
        }
        Path resumed = folder.resolve("resumed");
        try (ImageFolder images = new ImageFolder(resumed, List.of(), 1, null, REQUEST)) {
            assertThatThrownBy(() -> new ImageFolder(resumed, List.of(), 1, null, REQUEST))
                    .hasMessageContaining(resumed + " is being worked on by this process");
            images.image(0, DOT);
            images.finish();
        }
        assertThat(folder.toFile().list()).containsExactlyInAnyOrder("fresh", "empty", "resumed");
        for (Path out : List.of(fresh, empty, resumed)) {
            assertThat(out.toFile().list()).containsExactly("00000.png");
        }
    }

    @Test
    void deletes_what_a_killed_process_left_in_an_empty_folder() throws Exception {
        Path out = Files.createDirectories(folder.resolve("out"));
        Files.writeString(out.resolve(".smalti-inside-00000000-0000-4000-8000-000000000000.lock"), "process 1");
        Path left = Files.createDirectories(AtomicFile.of(out, out).path().resolve("class"));
        Files.writeString(left.resolve("00000.png"), "half");
        try (ImageFolder images = new ImageFolder(out, List.of(), 1, null)) {
            images.image(0, DOT);
            images.finish();
        }
        assertThat(out.toFile().list()).containsExactly("00000.png");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void goes_on_in_what_a_killed_process_left_whether_it_had_said_of_what_request_or_not(boolean said)
            throws Exception {
        Path out = folder.resolve("out");
        ImageFolder killed = new ImageFolder(out, List.of("a"), 2, new long[2], REQUEST);
        killed.image(0, DOT);
        Path left = copied(folder.resolve(".out.part"), folder.resolve("left"));
        killed.close();
        AtomicFile.discard(folder.resolve(".out.part"));
        Files.move(left, folder.resolve(".out.part"));
        Files.writeString(AtomicFile.of(folder.resolve(".out.part/a/00001.png")).path(), "half a picture");
        if (!said) {
            Files.delete(folder.resolve(".out.part/request.txt"));
        }
        try (ImageFolder images = new ImageFolder(out, List.of("a"), 2, new long[2], REQUEST)) {
            assertThat(images.present()).isEqualTo(said ? 1 : 0);
            images.image(0, DOT);
            images.image(1, DOT);
            images.finish();
        }
        assertThat(out.resolve("a").toFile().list()).containsExactlyInAnyOrder("00000.png", "00001.png");
        assertThat(out.toFile().list()).containsExactly("a");
        assertThat(folder.toFile().list()).containsExactly("out");
    }

    @Test
    void does_not_go_on_in_a_folder_of_something_else() throws Exception {
        Path part = Files.createDirectories(folder.resolve(".out.part"));
        Files.writeString(part.resolve("letter.txt"), "");
        assertThatThrownBy(() -> new ImageFolder(folder.resolve("out"), List.of(), 1, null, REQUEST))
                .hasMessageContaining(".out.part holds something else than images, letter.txt");
        assertThat(part.resolve("letter.txt")).exists();
        assertThat(folder.toFile().list()).containsExactly(".out.part");
    }

    private static Path copied(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path each : all.toList()) {
                Files.copy(each, to.resolve(from.relativize(each).toString()));
            }
        }
        return to;
    }
}
