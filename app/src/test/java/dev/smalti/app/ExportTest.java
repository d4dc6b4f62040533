package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.tensor.TensorFile;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExportTest {
    private static final Path FRUITS = Path.of("..", "models", "fruits-64-small");

    @TempDir
    Path folder;

    @Test
    void writes_one_file_of_safetensors_and_says_how_large_it_is() {
        Path out = folder.resolve("weights.safetensors");
        JsonNode facts = Command.done("export", FRUITS, "--to", "safetensors", "--out", out, "--dtype", "bf16");
        assertThat(facts.get("bytes").asLong()).isEqualTo(out.toFile().length());
        try (TensorFile file = TensorFile.open(out)) {
            assertThat(file.metadata().get("recipe")).contains("kind: absorbing");
            assertThat(file.names()).contains("tok_emb.weight");
        }
    }

    @Test
    void writes_graphs_of_the_prior_and_of_its_tokenizer() {
        Path out = folder.resolve("graphs");
        Command command = Command.run("export", FRUITS, "--to", "onnx", "--out", out, "--opset", 18);
        assertThat(command.code()).as(command.err()).isZero();
        assertThat(command.out()).contains("[denoiser.onnx, encoder.onnx, decoder.onnx]");
    }

    @Test
    void refuses_what_a_form_cant_say_in_one_line() {
        Path out = folder.resolve("out");
        Command.refused(
                new Object[] {"export", FRUITS, "--to", "diffusers", "--out", out},
                "decoder_blocks must be res_blocks + 1, 2, is 1",
                "patch must be 1, is 2");
        Command.refused(
                new Object[] {"export", FRUITS, "--to", "onnx", "--out", out, "--opset", 16},
                "opset must be from 17 to 22, got 16");
        Command.refused(
                new Object[] {"export", FRUITS, "--to", "safetensors", "--out", out, "--opset", 17},
                "opset must be left out for safetensors");
        assertThat(out).doesNotExist();
    }
}
