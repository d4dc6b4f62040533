package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.Fixture;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.recipe.Provenance;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokenizers that begin from the weights of another run, here of one that was imported, by the recipe in its folder. */
class TrainTokenizerFromTest {
    private static final String DECODER = "tokenizer.trained=decoder";

    @TempDir
    Path folder;

    private Path imported;

    @BeforeEach
    void import_a_tokenizer() throws IOException {
        imported = folder.resolve("imported");
        Path weights = Fixture.of("vqgan-taming").weightFile("weights");
        new ImportWeights(weights, imported, null, null, null, 32, List.of()).run();
        for (int i = 0; i < 4; i++) {
            byte[] rgb = new byte[3 * 32 * 32];
            for (int j = 0; j < rgb.length; j++) {
                rgb[j] = (byte) (j * (i + 1) / 29 + 60 * i);
            }
            Files.createDirectories(folder.resolve("images"));
            Pictures.writePng(folder.resolve("images").resolve("image-" + i + ".png"), new Pixels(32, 32, rgb));
        }
    }

    private void train(String out, boolean resume, Path from, String... overrides) {
        train(imported.resolve("recipe.yaml"), out, resume, from, overrides);
    }

    private void train(Path recipe, String out, boolean resume, Path from, String... overrides) {
        List<String> all = new ArrayList<>(List.of(
                "training.steps=1",
                "training.batch=2",
                "training.learning_rate=1e-3",
                "training.warm_up=0",
                "training.averaging=0",
                "training.precision=fp32",
                "training.device=cpu",
                "training.log_every=1",
                "training.preview_every=0",
                "data.held_out=0",
                "data.flip=false"));
        all.addAll(List.of(overrides));
        new TrainTokenizer(recipe, all, folder.resolve("images"), folder.resolve(out), resume, false, from)
                .run(List.of(), () -> false);
    }

    private void refused(String message, Path from, String... overrides) {
        assertThatThrownBy(() -> train("refused", false, from, overrides))
                .isInstanceOf(JobException.class)
                .hasMessageContaining(message);
        assertThat(folder.resolve("refused").resolve("model.json")).doesNotExist();
    }

    @Test
    void the_decoder_alone_learns_and_codes_stay_what_they_were() throws IOException {
        train("decoder", false, imported, DECODER, "training.steps=6", "training.batch=4");

        Map<String, double[]> before = tensors(imported);
        tensors(folder.resolve("decoder")).forEach((name, values) -> {
            boolean learns = name.startsWith("decoder.") || name.startsWith("post_quant_conv.");
            if (!learns) {
                assertThat(values).as(name).isEqualTo(before.get(name));
            } else if (name.endsWith("weight")) {
                assertThat(values).as(name).isNotEqualTo(before.get(name));
            }
        });
        RunFolder run = RunFolder.open(folder.resolve("decoder"));
        try (Tokenizer tokenizer = run.tokenizer(Devices.cpu())) {
            Fixture numbers = Fixture.of("vqgan-taming");
            numbers.check("codes", tokenizer.encode(numbers.in("x")).flatten(1, 2));
        }
        List<Double> losses = losses(run.path());
        assertThat(losses.get(5)).isLessThan(0.9 * losses.get(0));
    }

    @Test
    void codes_of_several_at_a_place_stay_what_they_were_too() throws IOException {
        Path recipe = folder.resolve("rdpm.yaml");
        Files.writeString(recipe, """
            tokenizer:
              kind: rdpm
              steps: 2
              autoencoder:
                size: 16
                channels: 8
                multipliers: [1, 2]
                res_blocks: 1
                codebook: {codes: 16, dimension: 4, update: moving_average}
                adversarial: {start: 0, weight: 0.5, channels: 4, layers: 1}
            training: {steps: 1, batch: 2, learning_rate: 1.0e-3}
            """);
        Path parent = folder.resolve("rdpm");
        train(recipe, "rdpm", false, null);
        train(recipe, "decoder", false, parent, "tokenizer.autoencoder.trained=decoder");
        Map<String, double[]> before = tensors(parent);
        Map<String, double[]> after = tensors(folder.resolve("decoder"));
        before.forEach((name, values) -> {
            if (!name.startsWith("decoder.")) {
                assertThat(after.get(name)).as(name).isEqualTo(values);
            }
        });
        assertThat(after.get("decoder.conv_out.weight")).isNotEqualTo(before.get("decoder.conv_out.weight"));
        assertThat(RunFolder.open(folder.resolve("decoder")).fingerprint())
                .isEqualTo(RunFolder.open(parent).fingerprint());
        assertThatThrownBy(() -> train(recipe, "other", false, parent, "tokenizer.steps=3"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("set tokenizer.steps to 2, got 3");
    }

    @Test
    void tokens_of_the_run_are_those_of_its_new_decoders_and_of_no_other() {
        RunFolder parent = RunFolder.open(imported);
        train("decoder", false, imported, DECODER);
        RunFolder decoder = RunFolder.open(folder.resolve("decoder"));
        assertThat(decoder.fingerprint()).isEqualTo(parent.fingerprint());
        assertThat(decoder.weightsFingerprint()).isNotEqualTo(parent.fingerprint());
        assertThat(Provenance.read(decoder.path().resolve("provenance.json")).parents())
                .containsEntry("tokenizer", parent.fingerprint())
                .containsEntry("from", parent.sha256());

        train("further", false, decoder.path(), DECODER);
        assertThat(RunFolder.open(folder.resolve("further")).fingerprint()).isEqualTo(parent.fingerprint());
        train("all", false, decoder.path());
        assertThat(RunFolder.open(folder.resolve("all")).fingerprint()).isNotEqualTo(parent.fingerprint());

        decoder.copyModel(folder.resolve("copy"), ScalarType.BFloat16);
        assertThat(RunFolder.open(folder.resolve("copy")).fingerprint()).isEqualTo(parent.fingerprint());
    }

    @Test
    void goes_on_without_being_told_again_and_from_nothing_else() {
        train("decoder", false, imported, DECODER);
        train("decoder", true, null, DECODER, "training.steps=2");
        assertThat(Checkpoints.latest(folder.resolve("decoder")))
                .hasValueSatisfying(last -> assertThat(Checkpoints.step(last)).isEqualTo(2));
        assertThat(RunFolder.open(folder.resolve("decoder")).fingerprint())
                .isEqualTo(RunFolder.open(imported).fingerprint());
        assertThatThrownBy(() -> train("decoder", true, folder.resolve("decoder"), DECODER))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("began with the weights")
                .hasMessageContaining("leave --from out");
        assertThatThrownBy(() -> train("decoder", true, null))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("holds another model");
    }

    @Test
    void losses_and_the_discriminator_may_be_others() {
        train("adversarial", false, imported, "tokenizer.adversarial={start: 0, channels: 4, layers: 1}", DECODER);
        train("head", false, imported, "tokenizer.pixel_likelihood=true");
        train("headless", false, folder.resolve("head"), "tokenizer.codebook.commitment=0.5");
        assertThat(tensors(folder.resolve("headless")).keySet())
                .isEqualTo(tensors(imported).keySet());
    }

    @Test
    void images_may_be_of_another_size_where_attention_is_at_the_same_place() {
        refused("at size 64: set tokenizer.attention to [16], got [8]", imported, "tokenizer.size=64");
        train("larger", false, imported, "tokenizer.size=64", "tokenizer.attention=[16]");
        assertThat(RunFolder.open(folder.resolve("larger")).description().height())
                .isEqualTo(2 * RunFolder.open(imported).description().height());
    }

    @Test
    void a_network_that_is_another_is_refused_by_the_keys_of_its_recipe() {
        refused("set tokenizer.output_swish to true, got false", imported, "tokenizer.output_swish=false");
        refused("set tokenizer.range to signed, got unit", imported, "tokenizer.range=unit");
        refused(
                "set tokenizer.codebook.update to gradient, got moving_average",
                imported,
                "tokenizer.codebook={codes: 64, dimension: 32, update: moving_average}");
        refused("say of which run with --from RUN", null, DECODER);
    }

    private static List<Double> losses(Path run) throws IOException {
        List<Double> losses = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode loss = new ObjectMapper().readTree(line).path("autoencoder.loss");
            if (loss.isNumber()) {
                losses.add(loss.asDouble());
            }
        }
        return losses;
    }

    /** Without those that training alone needs, which have a slash in their names. */
    private static Map<String, double[]> tensors(Path run) {
        Map<String, double[]> all = new TreeMap<>();
        Path file = Checkpoints.weights(Checkpoints.latest(run).orElseThrow());
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
