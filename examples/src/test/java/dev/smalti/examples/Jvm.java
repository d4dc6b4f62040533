package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** Compiles and runs as somebody would who has the artifacts and nothing else of this repository. */
final class Jvm {
    static final Path HOME = Path.of("..").toAbsolutePath().normalize();

    private Jvm() {}

    /** @throws AssertionError with what the compiler says */
    static void compile(List<Path> sources, Path classes) {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        StringWriter said = new StringWriter();
        try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
            List<String> options = List.of(
                    "-d",
                    Files.createDirectories(classes).toString(),
                    "-cp",
                    System.getProperty("java.class.path"),
                    "-proc:none");
            boolean good = compiler.getTask(
                            said, files, null, options, null, files.getJavaFileObjectsFromPaths(sources))
                    .call();
            assertThat(good).as(said.toString()).isTrue();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** All Java files below a folder. */
    static List<Path> sources(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .sorted()
                    .toList();
        }
    }

    /**
     * Runs a class in a process of its own, whose models are those on the class path.
     *
     * @param folder the working folder
     * @param classes before all artifacts on the class path
     * @return what it said
     */
    static String run(Path folder, Path classes, List<String> mainAndArguments)
            throws IOException, InterruptedException {
        String path = System.getProperty("java.class.path") + System.getProperty("path.separator") + classes;
        return run(folder, path, mainAndArguments);
    }

    /** The same with a class path of its own. */
    static String run(Path folder, String classPath, List<String> mainAndArguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx2g",
                "-Djava.awt.headless=true",
                "-Dsmalti.cache=" + folder.resolve("cache"),
                "-cp",
                classPath));
        command.addAll(mainAndArguments);
        Path said = folder.resolve("said.txt");
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES))
                    .as("ended within five minutes")
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        String text = Files.readString(said);
        assertThat(process.exitValue()).as(text).isZero();
        return text;
    }
}
