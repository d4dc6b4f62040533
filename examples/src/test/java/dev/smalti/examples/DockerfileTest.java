package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The Dockerfile, which is not built here, goes by paths that are there. */
class DockerfileTest {
    private static final Pattern MODULE = Pattern.compile("<module>([^<]+)</module>");

    private static List<String> lines() throws IOException {
        return Files.readAllLines(Jvm.HOME.resolve("Dockerfile"));
    }

    /** What COPY takes of the repository. */
    private static List<String> copied() throws IOException {
        List<String> paths = new ArrayList<>();
        for (String line : lines()) {
            if (line.startsWith("COPY ") && !line.contains("--from=")) {
                List<String> words = Arrays.asList(line.split("\\s+"));
                paths.addAll(words.subList(1, words.size() - 1));
            }
        }
        return paths;
    }

    @Test
    void copies_what_is_there() throws IOException {
        assertThat(copied()).isNotEmpty().allSatisfy(path -> assertThat(Jvm.HOME.resolve(path))
                .exists());
    }

    @Test
    void copies_every_module_since_maven_reads_them_all() throws IOException {
        Matcher modules = MODULE.matcher(Files.readString(Jvm.HOME.resolve("pom.xml")));
        List<String> names = new ArrayList<>();
        while (modules.find()) {
            names.add(modules.group(1));
        }
        assertThat(copied()).containsAll(names).contains("pom.xml");
    }

    @Test
    void what_it_leaves_out_is_not_what_it_copies() throws IOException {
        List<String> ignored = Files.readAllLines(Jvm.HOME.resolve(".dockerignore"));
        assertThat(ignored).contains("**/target").doesNotContainAnyElementsOf(copied());
    }

    @Test
    void runs_as_nobody_in_particular_and_with_a_token() throws IOException {
        assertThat(lines()).contains("USER smalti").doesNotContain("USER root");
        assertThat(String.join("\n", lines())).contains("dev.smalti.app.Main", "--token-file", "/healthz");
        assertThat(Path.of("../app/src/main/java/dev/smalti/app/Main.java")).exists();
    }
}
