package dev.smalti.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ProvenanceTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void choose_a_file() {
        file = folder.resolve("provenance.json");
    }

    @Test
    void writes_what_reads_back_equal() {
        Provenance provenance = new Provenance(
                "0.1.0",
                "17",
                "2.10.0",
                "Linux",
                Long.MIN_VALUE,
                "2026-01-02T03:04:05Z",
                "fruits",
                "abc",
                Map.of("tokens", "t", "tokenizer", "v"),
                Map.of("why", "because"));

        provenance.write(file);

        assertThat(Provenance.read(file)).isEqualTo(provenance);
    }

    @Test
    void writes_readable_json() throws IOException {
        new Provenance(
                        "0.1.0",
                        "17",
                        "2.10.0",
                        "Linux",
                        7,
                        "2026-01-02T03:04:05Z",
                        "fruits",
                        "abc",
                        null,
                        Map.of("why", "because"))
                .write(file);

        assertThat(file).hasContent("""
                {
                  "format" : 1,
                  "smalti" : "0.1.0",
                  "java" : "17",
                  "pytorch" : "2.10.0",
                  "os" : "Linux",
                  "seed" : 7,
                  "created" : "2026-01-02T03:04:05Z",
                  "data_name" : "fruits",
                  "data_fingerprint" : "abc",
                  "parents" : { },
                  "notes" : {
                    "why" : "because"
                  }
                }
                """);
    }

    @Test
    void knows_the_machine_and_the_time() {
        Provenance provenance = Provenance.of(7, "fruits", "abc", Map.of("tokenizer", "v"));

        assertThat(provenance.java()).startsWith(System.getProperty("java.version"));
        assertThat(provenance.pytorch()).matches("\\d+\\.\\d+.*");
        assertThat(provenance.os()).contains(System.getProperty("os.arch"));
        assertThat(Instant.parse(provenance.created())).isBeforeOrEqualTo(Instant.now());
        assertThat(provenance.parents()).containsExactly(Map.entry("tokenizer", "v"));
        assertThat(provenance.smalti()).matches("unknown|\\d+\\.\\d+.*"); // the first from a folder of classes
    }

    @Test
    void ignores_unknown_keys_and_fills_in_missing_ones() throws IOException {
        Files.writeString(file, "{\"format\": 1, \"seed\": 3, \"weather\": {\"rain\": true}}");

        Provenance provenance = Provenance.read(file);

        assertThat(provenance.seed()).isEqualTo(3);
        assertThat(provenance.smalti()).isEqualTo("unknown");
        assertThat(provenance.notes()).isEmpty();
    }

    @Test
    void refuses_a_newer_format() throws IOException {
        Files.writeString(file, "{\"format\": 2}");

        assertRefused(file + " has format 2, but this version of Smalti reads up to format 1; use a newer one");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "[]", "3", "{\"format\": \"x\"}", "{\"format\": 0}", ""})
    void refuses_what_has_no_format(String json) throws IOException {
        Files.writeString(file, json);

        assertRefused(file + " is not a provenance file: it has no format number");
    }

    @Test
    void refuses_what_is_not_json_in_one_line() throws IOException {
        Files.writeString(file, "{\"format\": 1,\n \"seed\" 3}");

        assertThatThrownBy(() -> Provenance.read(file))
                .isInstanceOf(RecipeException.class)
                .hasMessageStartingWith(file + " is not a provenance file: ")
                .hasMessageEndingWith(" at line 2, column 9")
                .hasMessageNotContaining("\n");
    }

    @Test
    void refuses_a_wrong_type() throws IOException {
        Files.writeString(file, "{\"format\": 1, \"seed\": \"x\"}");

        assertThatThrownBy(() -> Provenance.read(file))
                .isInstanceOf(RecipeException.class)
                .hasMessageStartingWith(file + " is not a provenance file: ")
                .hasMessageNotContaining("\n");
    }

    @Test
    void refuses_a_file_that_is_missing() {
        assertRefused(file + " does not exist");
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> Provenance.read(file))
                .isInstanceOf(RecipeException.class)
                .hasMessage(message);
    }
}
