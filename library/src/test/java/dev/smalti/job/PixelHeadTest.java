package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeException;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Gaussian over pixels, trained alone on a finished tokenizer. */
@Tag("learning") // trains tokenizers
class PixelHeadTest {
    @TempDir
    Path folder;

    @BeforeEach
    void train_a_tokenizer() throws IOException {
        for (int i = 0; i < 10; i++) {
            byte[] rgb = new byte[3 * 16 * 16];
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (j * (i + 1) / 7 + 40 * i);
            }
            Files.createDirectories(folder.resolve("images"));
            Pictures.writePng(folder.resolve("images").resolve("image-" + i + ".png"), new Pixels(16, 16, rgb));
        }
        Files.writeString(folder.resolve("vqgan.yaml"), """
            tokenizer:
              kind: vqgan
              size: 16
              channels: 8
              multipliers: [1, 2]
              res_blocks: 1
              codebook: {codes: 16, dimension: 4, update: moving_average}
              adversarial: {start: 0, weight: 0.5, channels: 4, layers: 1}
            training:
              {steps: 3, batch: 4, learning_rate: 1.0e-2, averaging: 0.9, precision: fp32, device: cpu,
               log_every: 1, preview_every: 0}
            """);
        train("tokenizer", null, List.of());
    }

    private void train(String out, String from, List<String> overrides) {
        new TrainTokenizer(
                        folder.resolve("vqgan.yaml"),
                        overrides,
                        folder.resolve("images"),
                        folder.resolve(out),
                        false,
                        false,
                        from == null ? null : folder.resolve(from))
                .run(List.of(), () -> false);
    }

    private static List<String> alone(String... more) {
        return List.of(List.of("tokenizer.trained=pixel_likelihood", "training.clip=0.1"), List.of(more)).stream()
                .flatMap(List::stream)
                .toList();
    }

    @Test
    void leaves_every_other_tensor_and_the_fingerprint_of_the_tokens_as_they_were() throws IOException {
        train("head", "tokenizer", alone("training.steps=12"));

        Map<String, double[]> before = tensors("tokenizer", "averaged.safetensors");
        for (String file : List.of("weights.safetensors", "averaged.safetensors")) {
            Map<String, double[]> after = tensors("head", file);
            before.forEach(
                    (name, values) -> assertThat(after.get(name)).as(name).isEqualTo(values));
            after.keySet().removeAll(before.keySet());
            assertThat(after.keySet())
                    .allMatch(name -> name.startsWith("logsigma."))
                    .hasSize(4);
        }
        RunFolder tokenizer = RunFolder.open(folder.resolve("tokenizer"));
        RunFolder head = RunFolder.open(folder.resolve("head"));
        assertThat(head.fingerprint()).isEqualTo(tokenizer.fingerprint());
        assertThat(Provenance.read(head.path().resolve("provenance.json")).parents())
                .containsEntry("tokenizer", tokenizer.fingerprint());
        List<Double> losses = losses(head.path());
        assertThat(losses.get(11)).isLessThan(losses.get(0));
    }

    @Test
    void needs_a_tokenizer_that_fits() {
        assertThatThrownBy(() -> train("head", null, alone()))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("--from RUN");
        assertThatThrownBy(() -> train("head", "tokenizer", alone("tokenizer.quant_conv=true")))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("set tokenizer.quant_conv to false, got true");
        assertThatThrownBy(() -> train("head", "tokenizer", alone("tokenizer.attention=[]")))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("set tokenizer.attention to [8], got []");
        assertThatThrownBy(() -> train("head", "tokenizer", alone("tokenizer.pixel_likelihood=false")))
                .isInstanceOf(RecipeException.class)
                .hasMessageContaining("pixel_likelihood must be true");
    }

    @Test
    void a_head_that_is_there_already_is_trained_further() {
        train("both", "tokenizer", List.of("tokenizer.pixel_likelihood=true"));
        train("head", "both", alone());

        Map<String, double[]> before = tensors("both", "averaged.safetensors");
        Map<String, double[]> after = tensors("head", "averaged.safetensors");
        before.keySet().removeIf(name -> name.startsWith("logsigma."));
        before.forEach((name, values) -> assertThat(after.get(name)).as(name).isEqualTo(values));
        assertThat(RunFolder.open(folder.resolve("head")).fingerprint())
                .isEqualTo(RunFolder.open(folder.resolve("both")).fingerprint());
    }

    @Test
    void training_of_all_begins_from_another_run_too() {
        train("on", "tokenizer", List.of("training.learning_rate=1e-30", "training.averaging=0"));
        Map<String, double[]> before = tensors("tokenizer", "averaged.safetensors");
        assertThat(tensors("on", "weights.safetensors").get("encoder.conv_in.weight"))
                .isEqualTo(before.get("encoder.conv_in.weight"));
    }

    private static List<Double> losses(Path run) throws IOException {
        List<Double> losses = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode loss = new ObjectMapper().readTree(line).path("pixel_likelihood.loss");
            if (loss.isNumber()) {
                losses.add(loss.asDouble());
            }
        }
        return losses;
    }

    /** Without those that training alone needs, which have a slash in their names. */
    private Map<String, double[]> tensors(String run, String name) {
        Map<String, double[]> all = new TreeMap<>();
        Path file = Checkpoints.latest(folder.resolve(run)).orElseThrow().resolve(name);
        Scope.free(() -> {
            try (TensorFile tensors = TensorFile.open(file)) {
                tensors.names().stream()
                        .filter(each -> !each.contains("/"))
                        .forEach(each -> all.put(each, Tensors.toDoubles(tensors.tensor(each))));
            }
        });
        return all;
    }
}
