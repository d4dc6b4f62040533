package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher in a folder that looks built, with a Java that says what it was asked, and neither Maven nor anything else. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    private static final long BUILT = 1_700_000_000_000L;
    private static final List<String> TOOLS = List.of(
            "bash", "env", "find", "cat", "tr", "sed", "head", "readlink", "dirname", "touch", "mkdir", "locale");

    @TempDir
    Path folder;

    private Path home;
    private Path tools;

    @BeforeEach
    void builds() throws IOException {
        home = folder.resolve("home");
        tools = Files.createDirectories(folder.resolve("tools"));
        for (String tool : TOOLS) {
            for (String place : List.of("/usr/bin", "/bin")) {
                Path path = Path.of(place, tool);
                if (Files.isExecutable(path) && Files.notExists(tools.resolve(tool))) {
                    Files.createSymbolicLink(tools.resolve(tool), path);
                }
            }
        }
        write("library/src/main/java/A.java", "class A {}");
        write("studio/src/main/java/S.java", "class S {}");
        write("app/src/main/java/Main.java", "class Main {}");
        for (String pom : List.of("pom.xml", "library/pom.xml", "studio/pom.xml", "app/pom.xml")) {
            write(pom, "<project/>");
        }
        Files.copy(launcher(), home.resolve("smalti"));
        write("app/target/lib/smalti.jar", "");
        write("app/target/smalti-app-1.jar", "");
        write("java/release", "JAVA_VERSION=\"17.0.1\"");
        Path java = write(
                "java/bin/java",
                "#!/usr/bin/env bash\necho \"$@\"\necho locale ${LC_ALL:-} waiting $OMP_WAIT_POLICY\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
        write(
                "app/target/launcher/sources",
                textOf("library/src/main/java/A.java")
                        + textOf("studio/src/main/java/S.java")
                        + textOf("app/src/main/java/Main.java")
                        + textOf("pom.xml")
                        + textOf("library/pom.xml")
                        + textOf("studio/pom.xml")
                        + textOf("app/pom.xml")
                        + textOf("smalti"));
        age(home, BUILT);
        age(write("app/target/launcher/built", ""), BUILT + 1000);
    }

    @Test
    void what_is_built_runs_without_maven() throws Exception {
        assertThat(says(Map.of(), "info", "two words"))
                .contains("-cp")
                .contains(home + "/app/target/smalti-app-1.jar:" + home + "/app/target/lib/smalti.jar")
                .contains("dev.smalti.app.Main info two words")
                .contains("waiting passive");
    }

    @Test
    void a_copy_without_its_times_runs_without_maven_and_is_recognised_sooner_the_next_time() throws Exception {
        age(home, BUILT + 5000);
        age(home.resolve("app/target/launcher/built"), BUILT);
        assertThat(says(Map.of())).contains("dev.smalti.app.Main");
        assertThat(Files.getLastModifiedTime(home.resolve("app/target/launcher/built"))
                        .toMillis())
                .isGreaterThan(BUILT + 5000);
    }

    @Test
    void a_source_that_was_changed_is_built_again() throws Exception {
        write("library/src/main/java/A.java", "class A { int more; }");
        assertThat(says(Map.of())).contains("Maven is missing");
    }

    @Test
    void a_source_that_was_added_is_built_too() throws Exception {
        write("library/src/main/java/B.java", "class B {}");
        assertThat(says(Map.of())).contains("Maven is missing");
    }

    @Test
    void a_search_path_of_cd_does_not_matter() throws Exception {
        assertThat(run(folder, Map.of("CDPATH", ".:" + folder), "home/smalti", "info"))
                .contains("-Dsmalti.home=" + home + " ")
                .contains("dev.smalti.app.Main info");
    }

    @Test
    void a_folder_with_a_colon_is_refused_by_name() throws Exception {
        Path other = Files.move(home, folder.resolve("a:b"));
        assertThat(run(folder, Map.of("JAVA_HOME", other.resolve("java").toString()), other + "/smalti"))
                .contains(other + " has a colon in its name")
                .contains("rename")
                .hasLineCount(1);
    }

    @Test
    void file_names_may_have_any_letters_where_no_locale_is_installed() throws Exception {
        assertThat(says(Map.of("LC_ALL", "xx_YY.UTF-8"))).contains("locale C.UTF-8");
        assertThat(says(Map.of("LC_ALL", "C"))).contains("locale C.UTF-8");
        assertThat(says(Map.of("LANG", "C.UTF-8"))).contains("locale waiting");
    }

    @Test
    void an_old_java_is_refused_with_the_one_that_is_needed() throws Exception {
        write("java/release", "JAVA_VERSION=\"11.0.2\"");
        assertThat(says(Map.of())).contains("Java 17 or newer is needed").contains("11.0.2");
    }

    @Test
    void too_few_addresses_are_told_of_before_java_fails_for_them() throws Exception {
        String few = "ulimit -v 4000000; exec " + home + "/smalti info";
        assertThat(run(home, Map.of(), "bash", "-c", few))
                .contains("4000000 KB of addresses (ulimit -v)")
                .hasLineCount(1);
        assertThat(run(home, Map.of("SMALTI_JAVA_OPTS", "-Xmx512m"), "bash", "-c", few))
                .contains("-Xmx512m")
                .contains("Main info");
    }

    private String says(Map<String, String> environment, String... arguments) throws Exception {
        String[] command =
                Stream.concat(Stream.of(home + "/smalti"), Stream.of(arguments)).toArray(String[]::new);
        return run(home, environment, command);
    }

    private String run(Path where, Map<String, String> environment, String... command) throws Exception {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(where.toFile()).redirectErrorStream(true);
        Map<String, String> all = new HashMap<>(Map.of("PATH", tools.toString(), "JAVA_HOME", home + "/java"));
        all.putAll(environment);
        builder.environment().clear();
        builder.environment().putAll(all);
        Process process = builder.start();
        String said = new String(process.getInputStream().readAllBytes());
        process.waitFor();
        return said.lines().filter(line -> !line.contains("setlocale")).reduce("", (a, b) -> a + b + "\n");
    }

    private Path write(String path, String text) throws IOException {
        Path file = home.resolve(path);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text);
    }

    private String textOf(String path) throws IOException {
        return "/" + path + "\n" + Files.readString(home.resolve(path));
    }

    private static void age(Path path, long time) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            for (Path file : files.toList()) {
                Files.setLastModifiedTime(file, FileTime.fromMillis(time));
            }
        }
    }

    private static Path launcher() {
        return Path.of(System.getProperty("user.dir")).resolveSibling("smalti");
    }
}
