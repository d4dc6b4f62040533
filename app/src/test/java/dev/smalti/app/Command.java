package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Runs the command line as a user does, and holds what came of it. */
record Command(int code, String out, String err) {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    /** In this process; arguments may be anything with a text. */
    static Command run(Object... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        String[] texts = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
        int code = Main.run(
                texts,
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
        return new Command(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    /** What a command that ends well says with --json. */
    static JsonNode done(Object... arguments) {
        Command command = run(with(arguments, "--json"));
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    /** Holds a command to refuse, in one line that has these words. */
    static void refused(Object[] arguments, String... words) {
        Command command = run(arguments);
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }

    /** Arguments and more of them. */
    static Object[] with(Object[] arguments, Object... more) {
        return Stream.of(arguments, more).flatMap(Arrays::stream).toArray();
    }

    /** In a process of its own, with standard output and error in files. */
    static Process start(Path out, Path err, Object... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-Djava.awt.headless=true",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName()));
        Arrays.stream(arguments).map(Object::toString).forEach(command::add);
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("OMP_WAIT_POLICY", "passive");
        return builder.redirectOutput(new File(out.toString()))
                .redirectError(new File(err.toString()))
                .start();
    }

    /** Standard output, which must be one JSON object and nothing else. */
    JsonNode json() {
        try {
            JsonNode node = JSON.readTree(out);
            if (!node.isObject()) {
                throw new AssertionError("not an object: " + out + err);
            }
            return node;
        } catch (JsonProcessingException e) {
            throw new AssertionError("not JSON: " + out + err, e);
        }
    }
}
