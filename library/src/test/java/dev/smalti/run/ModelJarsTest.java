package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model on the class path, which here is a folder. */
class ModelJarsTest {
    private static final String DESCRIPTION =
            "{\"format\": 1, \"kind\": \"prior\", \"codes\": 4, \"height\": 2, \"width\": 2, \"classes\": 0}";

    @TempDir
    Path folder;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    @BeforeEach
    void put_a_model_on_the_class_path() throws Exception {
        System.setProperty("smalti.cache", folder.resolve("cache").toString());
        write("META-INF/smalti/models", "tiny\n");
        write("dev/smalti/models/tiny/model.json", DESCRIPTION);
        write("dev/smalti/models/tiny/tokenizer/recipe.yaml", "kind: vqgan\n");
        list("model.json", "tokenizer/recipe.yaml");
        URL[] here = {folder.resolve("classes").toUri().toURL()};
        Thread.currentThread().setContextClassLoader(new URLClassLoader(here, before));
    }

    @AfterEach
    void take_it_away() {
        System.clearProperty("smalti.cache");
        Thread.currentThread().setContextClassLoader(before);
    }

    @Test
    void a_model_on_the_class_path_is_a_bundled_one_and_opens_by_its_name() {
        assertThat(RunFolder.bundled()).contains("tiny");
        RunFolder run = RunFolder.open("tiny");
        assertThat(run.description().codes()).isEqualTo(4);
        assertThat(run.path()).startsWith(folder.resolve("cache")).hasParent(folder.resolve("cache/models"));
        assertThat(run.path().resolve("tokenizer/recipe.yaml")).hasContent("kind: vqgan\n");
    }

    @Test
    void it_is_unpacked_once_and_anew_when_it_changes() throws Exception {
        Path first = RunFolder.open("tiny").path();
        Files.writeString(first.resolve("seen"), "");
        assertThat(RunFolder.open("tiny").path()).isEqualTo(first).isDirectoryContaining("glob:**seen");
        write("dev/smalti/models/tiny/model.json", DESCRIPTION.replace("4", "8"));
        list("model.json", "tokenizer/recipe.yaml");
        RunFolder second = RunFolder.open("tiny");
        assertThat(second.path()).isNotEqualTo(first);
        assertThat(second.description().codes()).isEqualTo(8);
    }

    @Test
    void many_that_unpack_at_once_get_one_whole_folder() throws Exception {
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            List<Future<Path>> paths = Stream.generate(() -> threads.submit(() -> {
                        Thread.currentThread().setContextClassLoader(loader);
                        return RunFolder.open("tiny").path();
                    }))
                    .limit(8)
                    .toList();
            for (Future<Path> path : paths) {
                assertThat(path.get()).isEqualTo(paths.get(0).get());
            }
            try (Stream<Path> entries = Files.list(folder.resolve("cache/models"))) {
                assertThat(entries).as("nothing left half done").hasSize(1);
            }
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void a_damaged_jar_is_refused_and_leaves_nothing() throws IOException {
        write("dev/smalti/models/tiny/model.json", DESCRIPTION + " ");
        assertThatThrownBy(() -> RunFolder.open("tiny"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("model.json of the model tiny")
                .hasMessageContaining("the jar is damaged");
        Files.delete(folder.resolve("classes/dev/smalti/models/tiny/model.json"));
        assertThatThrownBy(() -> RunFolder.open("tiny")).hasMessageContaining("has no model.json");
        write("dev/smalti/models/tiny/SHA256SUMS", "0".repeat(64) + "  ../../escaped\n");
        assertThatThrownBy(() -> RunFolder.open("tiny")).hasMessageContaining("a path, got");
        assertThat(folder.resolve("cache/models")).isEmptyDirectory();
    }

    @Test
    void a_cache_that_can_not_be_written_names_the_way_out() throws IOException {
        Files.writeString(folder.resolve("cache"), "a file");
        assertThatThrownBy(() -> RunFolder.open("tiny"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("-Dsmalti.cache=DIR");
    }

    @Test
    void a_name_that_is_nowhere_is_told_what_there_is() {
        assertThatThrownBy(() -> RunFolder.open("tinny"))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith("there is no run folder and no bundled model named tinny")
                .hasMessageContaining("tiny");
    }

    private void list(String... files) throws Exception {
        StringBuilder sums = new StringBuilder();
        for (String file : files) {
            byte[] bytes = Files.readAllBytes(
                    folder.resolve("classes/dev/smalti/models/tiny").resolve(file));
            String hash = HexFormat.of()
                    .formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
            sums.append(hash).append("  ").append(file).append('\n');
        }
        write("dev/smalti/models/tiny/SHA256SUMS", sums.toString());
    }

    private void write(String file, String text) throws IOException {
        Path path = folder.resolve("classes").resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text, StandardCharsets.UTF_8);
    }
}
