package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

class InfoTest {
    @Test
    void says_what_this_machine_computes_with_also_without_a_card() throws Exception {
        JsonNode facts = Command.run("info", "--device", "--json").json();
        assertThat(facts.get("kind").asText()).isEqualTo("device");
        assertThat(facts.get("device").asText()).isIn("cpu", "cuda");
        assertThat(facts.get("libtorch").asText()).startsWith("2.");
        assertThat(facts.has("no_card")).isEqualTo(facts.get("device").asText().equals("cpu"));
    }

    @Test
    void wants_a_path_or_device() {
        assertThat(Command.run("info").err()).contains("--device", "PATH");
        assertThat(Command.run("info", "--device", "fruits-64-small").err()).contains("fruits-64-small is unknown");
    }
}
