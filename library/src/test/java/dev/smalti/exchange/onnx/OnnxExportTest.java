package dev.smalti.exchange.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.exchange.ExportedRun;
import dev.smalti.job.ExportModel;
import dev.smalti.job.ExportModel.Form;
import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.JsonFile;
import dev.smalti.tensor.ProtocolMessage;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OnnxExportTest {
    private static final String TOKENIZER =
            "{kind: vqgan, size: 8, channels: 4, multipliers: [1, 1], codebook: {codes: 5, dimension: 2},"
                    + " adversarial: {weight: 0, start: 0, layers: 1}}";
    private static final Path FRUITS = Path.of("..", "models", "fruits-64-small");
    private static final TokenSpace SPACE = new TokenSpace(5, 4, 4, 1);

    @TempDir
    Path folder;

    @Test
    void a_prior_gives_three_graphs_and_what_they_take() throws Exception {
        RunFolder tokenizer = ExportedRun.tokenizer(folder.resolve("tokenizer"), TOKENIZER);
        RunFolder run = ExportedRun.prior(
                folder.resolve("run"),
                "{kind: absorbing, network: {kind: dit, layers: 1, width: 8, heads: 2}}",
                SPACE,
                List.of("a", "b"),
                tokenizer);
        Path out = folder.resolve("graphs");
        Map<String, Object> facts = new ExportModel(run.path().toString(), Form.ONNX, out, null, null, 18).run();
        assertThat(facts).containsEntry("files", List.of("denoiser.onnx", "encoder.onnx", "decoder.onnx"));
        assertThat(Files.list(out).map(file -> file.getFileName().toString()))
                .containsExactlyInAnyOrder("denoiser.onnx", "encoder.onnx", "decoder.onnx", "model.json");
        JsonNode model = JsonFile.read(out.resolve("model.json"));
        assertThat(model.get("prior").asText()).isEqualTo("absorbing");
        assertThat(model.get("opset").asInt()).isEqualTo(18);
        assertThat(model.get("mask").asInt()).isEqualTo(5);
        assertThat(model.get("no_class").asInt()).isEqualTo(2);
        assertThat(model.get("class_names").toString()).isEqualTo("[\"a\",\"b\"]");
        assertThat(model.get("grid").toString()).isEqualTo("[4,4]");
        assertThat(model.get("factor").asInt()).isEqualTo(2);
        JsonNode denoiser = model.get("files").get("denoiser.onnx");
        assertThat(denoiser.get("inputs").get("time").asText()).contains("t - 1, where a share of t / 16 is masked");
        try (OnnxRun graph = new OnnxRun(out.resolve("denoiser.onnx"))) {
            assertThat(graph.inputs()).containsExactlyInAnyOrder("xt", "time", "label");
        }
    }

    @Test
    void the_bundled_model_says_the_same_by_its_graphs() {
        RunFolder run = RunFolder.open(FRUITS);
        Path out = folder.resolve("graphs");
        new ExportModel(FRUITS.toString(), Form.ONNX, out).run();
        Tensor xt = Tensors.longs(LongStream.range(0, 3 * 64)
                        .map(i -> i % 3 == 0 ? 1024 : i * 37 % 1024)
                        .toArray())
                .view(3, 64);
        Tensor label = Tensors.longs(0, 34, 67);
        try (Prior prior = run.prior(Devices.cpu(), List.of());
                Tokenizer tokenizer = run.tokenizerFolder().tokenizer(Devices.cpu());
                OnnxRun denoiser = new OnnxRun(out.resolve("denoiser.onnx"));
                OnnxRun decoder = new OnnxRun(out.resolve("decoder.onnx"));
                NoGradGuard guard = new NoGradGuard()) {
            Written.near(
                    denoiser.of(Map.of("xt", xt, "label", label)).flatten(0, 1),
                    prior.denoiser().logits(xt, null, label, null));
            Tensor codes = xt.remainder(new Scalar(1024)).view(3, 8, 8);
            Written.near(decoder.of(Map.of("codes", codes)), tokenizer.decode(codes));
        }
    }

    @Test
    void refuses_kinds_that_have_no_graph_and_leaves_nothing() {
        RunFolder run = ExportedRun.prior(
                folder.resolve("run"),
                "{kind: lcmd, network: {kind: dit, layers: 1, width: 8, heads: 2}, embedding: {dimension: 4}}",
                SPACE,
                List.of(),
                null);
        Path out = folder.resolve("graphs");
        assertThatThrownBy(() -> new ExportModel(run.path().toString(), Form.ONNX, out).run())
                .isInstanceOf(JobException.class)
                .hasMessageContaining("priors of kind lcmd can't be exported to ONNX: absorbing,");
        assertThat(out).doesNotExist();
        assertThatThrownBy(() -> new ExportModel(run.path().toString(), Form.ONNX, out, null, null, 9).run())
                .isInstanceOf(JobException.class)
                .hasMessage("opset must be from 17 to 22, got 9");
    }

    @Test
    void weights_that_one_file_cant_hold_lie_beside_it() throws Exception {
        OnnxGraph graph = new OnnxGraph(Map.of("w", Tensors.ones(40, 30), "b", Tensors.ones(30)));
        OnnxValue x = graph.input("x", OnnxType.FLOAT, "B", 40);
        graph.output("y", x.matmul(graph.weight("w")).plus(graph.weight("b")), OnnxType.FLOAT, "B", 30);
        Path file = folder.resolve("large.onnx");
        new OnnxFile(graph, 17, Map.of(), 100).write(file);
        assertThat(folder.resolve("large.onnx.data")).hasSize(8192);
        assertThat(Files.size(file)).isLessThan(1000);
        try (OnnxRun run = new OnnxRun(file)) {
            Tensor y = run.of(Map.of("x", Tensors.ones(2, 40)));
            assertThat(Tensors.toFloats(y)).hasSize(60).containsOnly(41);
        }
    }

    @Test
    void a_graph_that_does_without_a_weight_is_not_written() {
        OnnxGraph graph = new OnnxGraph(Map.of("w", Tensors.ones(1), "forgotten", Tensors.ones(1)));
        graph.output("y", graph.input("x", OnnxType.FLOAT, 1).plus(graph.weight("w")), OnnxType.FLOAT, 1);
        assertThatThrownBy(() -> new OnnxFile(graph, 17, Map.of()).write(folder.resolve("x.onnx")))
                .hasMessageContaining("[forgotten]");
    }

    @Test
    void numbers_of_protocol_buffers_have_seven_bits_a_byte() {
        assertThat(new ProtocolMessage().number(1, 300).toBytes()).containsExactly(8, 0xac, 2);
        assertThat(new ProtocolMessage().number(1, -1).toBytes()).hasSize(11).endsWith(1);
        assertThat(new ProtocolMessage().text(16, "é").toBytes()).containsExactly(0x82, 1, 2, 0xc3, 0xa9);
        assertThat(new ProtocolMessage().real(2, 1).toBytes()).containsExactly(0x15, 0, 0, 0x80, 0x3f);
        assertThat(new ProtocolMessage().precise(2, 1).toBytes()).containsExactly(0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f);
    }

    /** A key that changes what is computed and has no weights would be left out silently: decide here, and in the two exports. */
    @Test
    void every_key_of_a_vqgan_is_known_to_the_exports() {
        assertThat(keys(VqganConfiguration.class))
                .containsExactlyInAnyOrder(
                        "size",
                        "channels",
                        "multipliers",
                        "resBlocks",
                        "decoderBlocks",
                        "attention",
                        "patch",
                        "latent",
                        "quantConv",
                        "outputSwish",
                        "codebook",
                        "adversarial",
                        "pixelLikelihood",
                        "perceptual",
                        "range",
                        "trained",
                        "layers");
        assertThat(keys(CodebookConfiguration.class))
                .containsExactlyInAnyOrder(
                        "codes",
                        "dimension",
                        "update",
                        "commitment",
                        "legacy",
                        "decay",
                        "reviveBelow",
                        "choice",
                        "entropy",
                        "kl");
    }

    /** The same of networks. */
    @Test
    void every_key_of_a_network_is_known_to_its_graph() {
        assertThat(keys(TransformerConfiguration.class))
                .containsExactly("layers", "width", "heads", "dropout", "deviation");
        assertThat(keys(DiffusionTransformerConfiguration.class))
                .containsExactly(
                        "layers",
                        "width",
                        "heads",
                        "condition",
                        "positions",
                        "learntPositions",
                        "dropout",
                        "attentionDropout");
        assertThat(keys(HaltonTransformerConfiguration.class))
                .containsExactly("layers", "width", "heads", "feedForward", "registers", "patch", "dropout");
        assertThat(keys(LlamaTransformerConfiguration.class))
                .containsExactly("layers", "width", "heads", "rotary", "bottleneck", "dropout");
        assertThat(keys(CausalLlamaConfiguration.class))
                .containsExactly("layers", "width", "heads", "keyValueHeads", "feedForward", "dropout", "deviation");
        assertThat(keys(VqDiffusionTransformerConfiguration.class))
                .containsExactly(
                        "layers",
                        "width",
                        "heads",
                        "convolution",
                        "expansion",
                        "dropout",
                        "deviation",
                        "attentionDropout",
                        "positions",
                        "timeScale",
                        "activation",
                        "times");
    }

    private static List<String> keys(Class<?> record) {
        return Arrays.stream(record.getRecordComponents())
                .map(RecordComponent::getName)
                .toList();
    }
}
