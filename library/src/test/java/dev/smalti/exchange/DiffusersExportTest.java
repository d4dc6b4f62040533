package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.job.ExportModel;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.JsonFile;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Exported VQGANs against a VQModel of diffusers. */
class DiffusersExportTest {
    private static final String LIKE_THE_FIXTURE = "{kind: vqgan, size: 32, channels: 32, multipliers: [1, 2, 1],"
            + " res_blocks: 1, decoder_blocks: 2, attention: [], latent: 32, quant_conv: true, output_swish: true,"
            + " codebook: {codes: 64, dimension: 16}, adversarial: {start: 0, weight: 0}}";

    @TempDir
    Path folder;

    @Test
    void has_the_names_and_the_numbers_of_a_vqmodel() {
        Fixture fixture = Fixture.of("vq-diffusers");
        RunFolder run = ExportedRun.tokenizer(folder.resolve("run"), LIKE_THE_FIXTURE, built -> theirs(built, fixture));
        try (Tokenizer tokenizer = run.tokenizer(Devices.cpu())) { // so these names are right
            Tensor codes = tokenizer.encode(fixture.in("x"));
            fixture.check("codes", codes.flatten(1, 2));
            fixture.check("recon", tokenizer.decode(codes));
        }
        export(run, "vqmodel");
        Map<String, Tensor> theirs = fixture.weights();
        try (TensorFile file = TensorFile.open(folder.resolve("vqmodel/diffusion_pytorch_model.safetensors"))) {
            assertThat(file.names()).containsExactlyInAnyOrderElementsOf(theirs.keySet());
            theirs.forEach((name, tensor) ->
                    assertThat(file.tensor(name).equal(tensor)).as(name).isTrue());
        }
    }

    /** Ours of the fixture's. */
    private static Map<String, Tensor> theirs(Tokenizer built, Fixture fixture) {
        DiffusersNames names = new DiffusersNames(3);
        Map<String, Tensor> weights = new LinkedHashMap<>();
        built.parameters()
                .all()
                .forEach((name, own) -> weights.put(
                        name, fixture.weights().get(names.theirs(name)).view_as(own)));
        return weights;
    }

    @Test
    void its_configuration_says_the_sizes_and_where_attention_is() {
        RunFolder run = ExportedRun.tokenizer(
                folder.resolve("run"), LIKE_THE_FIXTURE.replace("attention: []", "attention: [32, 8]"));
        export(run, "vqmodel");
        JsonNode config = JsonFile.read(folder.resolve("vqmodel/config.json"));
        assertThat(config.get("_class_name").asText()).isEqualTo("VQModel");
        assertThat(config.get("down_block_types").toString())
                .isEqualTo("[\"AttnDownEncoderBlock2D\",\"DownEncoderBlock2D\",\"AttnDownEncoderBlock2D\"]");
        assertThat(config.get("up_block_types").toString())
                .isEqualTo("[\"AttnUpDecoderBlock2D\",\"UpDecoderBlock2D\",\"AttnUpDecoderBlock2D\"]");
        assertThat(config.get("block_out_channels").toString()).isEqualTo("[32,64,32]");
        assertThat(config.get("layers_per_block").asInt()).isEqualTo(1);
        assertThat(config.get("latent_channels").asInt()).isEqualTo(32);
        assertThat(config.get("vq_embed_dim").asInt()).isEqualTo(16);
        assertThat(config.get("num_vq_embeddings").asInt()).isEqualTo(64);
        try (TensorFile file = TensorFile.open(folder.resolve("vqmodel/diffusion_pytorch_model.safetensors"))) {
            assertThat(file.shape("encoder.down_blocks.0.attentions.0.to_out.0.weight"))
                    .containsExactly(32, 32);
            assertThat(file.names())
                    .contains(
                            "decoder.up_blocks.0.attentions.1.group_norm.bias",
                            "decoder.up_blocks.2.attentions.0.to_q.bias")
                    .noneMatch(name -> name.startsWith("decoder.up_blocks.1.attentions"));
        }
    }

    @Test
    void convolutions_around_the_quantizer_that_are_not_there_change_nothing() {
        RunFolder run = ExportedRun.tokenizer(
                folder.resolve("run"),
                LIKE_THE_FIXTURE
                        .replace("latent: 32, quant_conv: true, ", "")
                        .replace("dimension: 16", "dimension: 16, update: moving_average")
                        .replace("adversarial", "pixel_likelihood: true, adversarial"));
        export(run, "vqmodel");
        try (TensorFile file = TensorFile.open(folder.resolve("vqmodel/diffusion_pytorch_model.safetensors"))) {
            Tensor weight = file.tensor("quant_conv.weight");
            assertThat(Dims.of(weight)).containsExactly(16, 16, 1, 1);
            assertThat(Scope.value(() -> weight.sum().item_float())).isEqualTo(16);
            assertThat(Scope.value(() -> weight.view(16, 16).trace().item_float()))
                    .isEqualTo(16);
            assertThat(file.names()).noneMatch(name -> name.startsWith("logsigma") || name.contains("uses"));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "decoder_blocks: 2 | decoder_blocks: 1 | decoder_blocks must be res_blocks + 1, 2, is 1",
                "output_swish: true | output_swish: false | output_swish must be true",
                "attention: [] | patch: 2 | patch must be 1, is 2",
                "attention: [] | range: unit | range must be signed",
                "channels: 32 | channels: 16 | multiples of the 32 groups of its norms, are 16"
            })
    void refuses_by_its_name_what_a_vqmodel_cant_say(String part, String other, String reason) {
        RunFolder run = ExportedRun.tokenizer(folder.resolve("run"), LIKE_THE_FIXTURE.replace(part, other));
        assertThatThrownBy(() -> export(run, "vqmodel"))
                .isInstanceOf(JobException.class)
                .hasMessageContaining(reason);
        assertThat(folder.resolve("vqmodel")).doesNotExist();
    }

    private void export(RunFolder run, String out) {
        new ExportModel(run.path().toString(), ExportModel.Form.DIFFUSERS, folder.resolve(out)).run();
    }
}
