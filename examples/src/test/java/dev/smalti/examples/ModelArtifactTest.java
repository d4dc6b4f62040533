package dev.smalti.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The jars of bundled models list what is in their folders. */
class ModelArtifactTest {
    private static final Path MODELS = Jvm.HOME.resolve("models");

    @ParameterizedTest
    @ValueSource(strings = {"cifar-32", "emoji-64", "fruits-64", "fruits-64-small"})
    void sha256sums_lists_every_file_of_the_run_folder_with_its_hash(String name) throws Exception {
        Path model = MODELS.resolve(name);
        Map<String, String> listed = new TreeMap<>();
        for (String line : Files.readAllLines(model.resolve("SHA256SUMS"))) {
            listed.put(line.substring(66), line.substring(0, 64));
        }
        assertThat(listed)
                .as("to renew it: cd models/" + name + " && sha256sum *.json *.yaml */*.* */*/*.* > SHA256SUMS")
                .isEqualTo(files(model));
    }

    private static Map<String, String> files(Path model) throws Exception {
        Map<String, String> files = new TreeMap<>();
        for (Path file : paths(model)) {
            String path = model.relativize(file).toString().replace('\\', '/');
            if (path.matches("target/.*|pom.xml|NOTICE|README.md|SHA256SUMS")) {
                continue; // of the artifact, or for readers
            }
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
            files.put(path, HexFormat.of().formatHex(hash));
        }
        return files;
    }

    private static Iterable<Path> paths(Path model) throws IOException {
        try (Stream<Path> all = Files.walk(model)) {
            return all.filter(Files::isRegularFile).toList();
        }
    }

    @Test
    void the_class_path_names_it_and_says_whose_it_is() throws IOException {
        assertThat(resource("META-INF/smalti/models").strip()).isEqualTo("fruits-64");
        assertThat(resources("META-INF/NOTICE")).contains("Fruits-360");
        assertThat(resources("META-INF/LICENSE")).contains("Apache License");
        assertThat(resource("dev/smalti/models/fruits-64/README.md")).startsWith("# fruits-64");
    }

    private static String resource(String name) throws IOException {
        try (InputStream in = ModelArtifactTest.class.getClassLoader().getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Of all jars that have one of that name, together. */
    private static String resources(String name) throws IOException {
        StringBuilder text = new StringBuilder();
        for (URL each :
                Collections.list(ModelArtifactTest.class.getClassLoader().getResources(name))) {
            try (InputStream in = each.openStream()) {
                text.append(new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        return text.toString();
    }
}
