package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README and the Javadoc show compiles, and draws with the model on the class path. */
class SnippetsTest {
    @TempDir
    Path folder;

    @Test
    void the_readme_draws_fruits_in_a_project_that_has_the_artifacts_alone() throws Exception {
        List<Snippet> snippets = Snippet.ofMarkdown(Jvm.HOME.resolve("README.md"));
        assertThat(snippets).isNotEmpty();
        run(snippets);
        Pixels picture = Pixels.decode(Files.readAllBytes(folder.resolve("fruits.png")), "fruits.png");
        assertThat(picture.width()).isEqualTo(4 * 64 + 3 * 2);
        assertThat(picture.height()).isEqualTo(2 * 64 + 2);
        assertThat(brightness(picture, 1, 1)).as("a corner, background").isGreaterThan(225);
        assertThat(brightness(picture, 32, 32)).as("the middle of a cherry").isLessThan(225);
        assertThat(folder.resolve("cache/models")).as("the model is unpacked").isNotEmptyDirectory();
    }

    @Test
    void the_javadoc_compiles_and_what_draws_runs() throws Exception {
        List<Snippet> snippets = Snippet.ofJavadoc(Jvm.HOME.resolve("library/src/main/java"));
        assertThat(snippets).hasSizeGreaterThan(8);
        assertThat(snippets).as("some that draw").filteredOn(Snippet::runs).hasSizeGreaterThan(2);
        byte[] white = new byte[3 * 64 * 64];
        Arrays.fill(white, (byte) -1);
        Pictures.writePng(folder.resolve("fruit.png"), new Pixels(64, 64, white));
        run(snippets);
        assertThat(folder.resolve("cherries.png")).isRegularFile();
        assertThat(folder.resolve("cherries")).isNotEmptyDirectory();
        assertThat(folder.resolve("edited")).isNotEmptyDirectory();
    }

    @Test
    void the_script_for_jbang_compiles() throws IOException {
        Path script = Jvm.HOME.resolve("examples/Draw.java");
        Jvm.compile(List.of(script), folder.resolve("classes"));
        assertThat(Files.readString(script)).contains("//DEPS dev.smalti:smalti:" + version());
    }

    /** Compiles them all, and runs those that can be run, one after the other in one process. */
    private void run(List<Snippet> snippets) throws Exception {
        Path classes = folder.resolve("classes");
        Path sources = folder.resolve("sources");
        List<Path> files = new ArrayList<>();
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < snippets.size(); i++) {
            files.add(snippets.get(i).write(sources, "Snippet" + i));
            if (snippets.get(i).runs()) {
                all.append("Snippet").append(i).append(".main(arguments);\n");
            }
        }
        files.add(Files.writeString(
                sources.resolve("All.java"),
                "class All { public static void main(String[] arguments) throws Exception {\n" + all + "} }"));
        Jvm.compile(files, classes);
        Jvm.run(folder, classes, List.of("All"));
    }

    static String version() throws IOException {
        String pom = Files.readString(Jvm.HOME.resolve("pom.xml"));
        return pom.substring(pom.indexOf("<version>") + 9, pom.indexOf("</version>"));
    }

    private static int brightness(Pixels picture, int x, int y) {
        int at = 3 * (y * picture.width() + x);
        return ((picture.rgb()[at] & 0xff) + (picture.rgb()[at + 1] & 0xff) + (picture.rgb()[at + 2] & 0xff)) / 3;
    }
}
