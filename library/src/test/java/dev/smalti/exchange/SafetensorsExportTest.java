package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.job.ExportModel;
import dev.smalti.job.ExportModel.Form;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.TensorFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsExportTest {
    private static final String PRIOR = "{kind: absorbing, network: {layers: 1, width: 8, heads: 2}}";

    @TempDir
    Path folder;

    @Test
    void one_file_has_the_weights_and_says_what_they_are_of() {
        RunFolder run = prior();
        Path out = folder.resolve("weights.safetensors");
        Map<String, Object> facts = new ExportModel(run.path().toString(), Form.SAFETENSORS, out).run();
        assertThat(facts).containsEntry("files", List.of("weights.safetensors"));
        try (TensorFile file = TensorFile.open(out)) {
            run.weights()
                    .forEach((name, weight) ->
                            assertThat(file.tensor(name).equal(weight)).as(name).isTrue());
            assertThat(file.names()).hasSameSizeAs(run.weights().keySet());
            assertThat(file.metadata())
                    .containsEntry("kind", "prior")
                    .containsEntry("codes", "5")
                    .containsEntry("grid", "2x3")
                    .containsEntry("classes", "2")
                    .containsEntry("class_names", "[\"a\",\"b\"]");
            PriorRecipe recipe =
                    RecipeFile.parse(file.metadata().get("recipe"), "the metadata", PriorRecipe.class, List.of());
            assertThat(RecipeFile.kind(recipe.prior())).isEqualTo("absorbing");
        }
    }

    @Test
    void half_the_size_if_asked_for() {
        Path out = folder.resolve("half.safetensors");
        new ExportModel(prior().path().toString(), Form.SAFETENSORS, out, null, "bf16", null).run();
        try (TensorFile file = TensorFile.open(out)) {
            assertThat(file.names()).allMatch(name -> file.dtype(name).equals("BF16"));
        }
    }

    @Test
    void overwrites_nothing() {
        RunFolder run = prior();
        Path out = folder.resolve("weights.safetensors");
        ExportModel export = new ExportModel(run.path().toString(), Form.SAFETENSORS, out);
        export.run();
        assertThatThrownBy(export::run).isInstanceOf(JobException.class).hasMessageContaining("is there already");
    }

    @Test
    void refuses_a_weight_that_fp16_cant_hold() {
        RunFolder run = ExportedRun.tokenizer(
                folder.resolve("large"),
                "{kind: vqgan, size: 8, channels: 4, multipliers: [1], codebook: {codes: 2, dimension: 2},"
                        + " adversarial: {weight: 0, start: 0, layers: 1}}",
                built -> {
                    var all = built.parameters().all();
                    all.get("encoder.conv_in.bias").detach().fill_(new Scalar(70_000.0));
                    return all;
                });
        Path out = folder.resolve("weights.safetensors");
        assertThatThrownBy(
                        () -> new ExportModel(run.path().toString(), Form.SAFETENSORS, out, null, "fp16", null).run())
                .isInstanceOf(JobException.class)
                .hasMessageContaining("encoder.conv_in.bias")
                .hasMessageContaining("too large for fp16");
        assertThat(out).doesNotExist();
    }

    @Test
    void refuses_options_of_other_forms() {
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> new ExportModel("run", Form.SAFETENSORS, out, null, null, 17))
                .hasMessageContaining("opset must be left out for safetensors");
        assertThatThrownBy(() -> new ExportModel("run", Form.ONNX, out, null, "fp16", null))
                .hasMessageContaining("dtype must be fp32 or left out for onnx");
        assertThatThrownBy(() -> new ExportModel("run", Form.ONNX, out, null, "int8", null))
                .hasMessageContaining("dtype must be fp32, bf16 or fp16, got int8");
    }

    private RunFolder prior() {
        return ExportedRun.prior(folder.resolve("run"), PRIOR, new TokenSpace(5, 2, 3, 1), List.of("a", "b"), null);
    }
}
