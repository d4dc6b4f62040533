package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.studio.ImageServer;
import dev.smalti.studio.Serving;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/server.md shows does what it says, by the programs that it shows. */
class ServerDocsTest {
    private static final Path DOCS = Jvm.HOME.resolve("docs/server.md");
    private static ImageServer server;

    @TempDir
    Path folder;

    @BeforeAll
    static void start() {
        server = ImageServer.start(Serving.of(List.of("fruits-64"), 0));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void curl_draws_edits_and_asks() throws Exception {
        for (String each : List.of("curl", "jq", "base64", "bash")) {
            assumeTrue(succeeds(List.of("sh", "-c", "command -v " + each)), each + " is not on this machine");
        }
        byte[] mask = new byte[3 * 64 * 64];
        Arrays.fill(mask, 0, mask.length / 2, (byte) -1);
        Pictures.writePng(folder.resolve("mask.png"), new Pixels(64, 64, mask));
        String script = "set -euo pipefail\n" + blocks("sh");
        assertThat(script).contains("generations", "edits", "mask.png", "stream", "/v1/models", "/metrics");
        run(List.of("bash", "-c", script));
        for (String name : List.of("cherry.png", "edited-0.png", "edited-3.png", "masked.png")) {
            assertThat(picture(name).width()).as(name).isEqualTo(64);
        }
        assertThat(picture("wide.png").width()).isEqualTo(128);
        assertThat(picture("edited-0.png")).isNotEqualTo(picture("edited-3.png"));
        String said = Files.readString(folder.resolve("said.txt"));
        assertThat(said)
                .contains("\n2\n", "event: image_generation.partial_image", "event: image_generation.completed");
        assertThat(said).contains("fruits-64\n64x64\n", "ready\n", "smalti_images_total");
    }

    @Test
    void the_python_client_draws_and_edits() throws Exception {
        String python = System.getProperty("smalti.python", "python3");
        assumeTrue(succeeds(List.of(python, "-c", "import openai")), "Python's package openai is not on this machine");
        run(List.of(python, "-c", blocks("python")));
        assertThat(picture("cherry-1.png").width()).isEqualTo(64);
    }

    @Test
    void java_draws() throws Exception {
        List<Snippet> snippets = Snippet.ofMarkdown(DOCS);
        assertThat(snippets).hasSize(1);
        Path source = snippets.get(0).write(folder.resolve("sources"), "Calling");
        Files.writeString(source, here(Files.readString(source)));
        Path classes = folder.resolve("classes");
        Jvm.compile(List.of(source), classes);
        Jvm.run(folder, classes, List.of("Calling"));
        assertThat(picture("cherry-of-java.png").width()).isEqualTo(64);
    }

    /** All of a language, one after the other. */
    private static String blocks(String language) throws IOException {
        StringBuilder all = new StringBuilder();
        Matcher matcher = Pattern.compile("```" + language + "\\n(.*?)```", Pattern.DOTALL)
                .matcher(Files.readString(DOCS));
        while (matcher.find()) {
            all.append(here(matcher.group(1)));
        }
        return all.toString();
    }

    private static String here(String text) {
        return text.replace("http://localhost:8080", server.address());
    }

    private Pixels picture(String name) throws IOException {
        return Pixels.decode(Files.readAllBytes(folder.resolve(name)), name);
    }

    private boolean succeeds(List<String> command) throws InterruptedException {
        try {
            return process(command).waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private void run(List<String> command) throws IOException, InterruptedException {
        Process process = process(command);
        try {
            assertThat(process.waitFor(3, TimeUnit.MINUTES))
                    .as("ended within three minutes")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue())
                .as(Files.readString(folder.resolve("said.txt")))
                .isZero();
    }

    private Process process(List<String> command) throws IOException {
        return new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("said.txt").toFile())
                .start();
    }
}
