package dev.smalti.exchange.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Exported denoisers, run by ONNX Runtime, against the networks themselves. */
class DenoiserGraphTest {
    private static final int CODES = 11;
    private static final TokenSpace SPACE = new TokenSpace(CODES, 4, 6, 1);

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{kind: absorbing, network: {kind: transformer, layers: 2, width: 16, heads: 2}}",
                "{kind: absorbing, masks: 3, network: {kind: transformer, layers: 1, width: 16, heads: 4}}",
                "{kind: absorbing, network: {kind: dit, layers: 2, width: 16, heads: 2}}",
                "{kind: absorbing, network: {kind: vq-diffusion, layers: 2, width: 16, heads: 2}}",
                "{kind: absorbing, network: {kind: halton, layers: 2, width: 16, heads: 2}}",
                "{kind: maskgit, network: {kind: transformer, layers: 2, width: 16, heads: 2}}",
                "{kind: maskgit, network: {kind: halton, layers: 2, width: 18, heads: 4, registers: 2}}",
                "{kind: maskgit, network: {kind: halton, layers: 2, width: 16, heads: 2, registers: 0, patch: 2}}",
                "{kind: maskgit, network: {kind: dit, layers: 2, width: 16, heads: 2, positions: rotary_2d}}",
                "{kind: maskgit, network: {kind: vq-diffusion, layers: 2, width: 16, heads: 2, positions: sinusoidal}}",
                "{kind: d3pm, network: {kind: dit, layers: 2, width: 16, heads: 2, learnt_positions: false}}",
                "{kind: d3pm, transitions: absorbing, network: {kind: transformer, layers: 2, width: 16, heads: 2}}",
                "{kind: vqdiffusion, network: {kind: vq-diffusion, layers: 2, width: 16, heads: 2, convolution: false}}",
                "{kind: vqdiffusion, network: {kind: vq-diffusion, layers: 1, width: 16, heads: 2, activation: gelu, times: sinusoidal}}",
                "{kind: absorbing, network: {kind: vq-diffusion, layers: 1, width: 16, heads: 2, times: sinusoidal}}",
                "{kind: vqdiffusion, network: {kind: dit, layers: 1, width: 16, heads: 2}}",
                "{kind: sedd, network: {kind: dit, layers: 2, width: 16, heads: 2}}",
                "{kind: sedd, parametrisation: exact, network: {kind: dit, layers: 2, width: 16, heads: 2}}",
                "{kind: sedd, transitions: uniform, network: {kind: dit, layers: 2, width: 16, heads: 2}}",
                "{kind: sedd, transitions: uniform, parametrisation: exact, network: {kind: dit, layers: 2, width: 16, heads: 2}}",
                "{kind: sedd, network: {kind: halton, layers: 1, width: 16, heads: 2}}",
                "{kind: absorbing, network: {kind: llama, layers: 2, width: 16, heads: 2}}",
                "{kind: maskgit, network: {kind: llama, layers: 1, width: 16, heads: 2, rotary: true}}",
                "{kind: autoregressive, network: {layers: 2, width: 16, heads: 2}}",
                "{kind: autoregressive, network: {kind: llamagen, layers: 2, width: 16, heads: 4}}",
                "{kind: autoregressive, network: {kind: llamagen, layers: 1, width: 32, heads: 4, key_value_heads: 2}}"
            })
    void says_what_the_network_says(String prior) {
        for (int classes : new int[] {0, 3}) {
            says(prior, classes);
        }
    }

    private void says(String yaml, int classes) {
        PriorConfiguration configuration = configuration(yaml);
        try (Prior prior = configuration.build(SPACE, classes, new Seed(7), Devices.cpu());
                NoGradGuard guard = new NoGradGuard()) {
            Scope.free(() -> {
                disturb(prior);
                DenoiserGraph denoiser = DenoiserGraph.of(configuration, prior);
                Path file = folder.resolve("denoiser" + classes + ".onnx");
                Written.of(denoiser.graph(), file, OnnxFile.FIRST_OPSET + classes);
                try (OnnxRun run = new OnnxRun(file)) {
                    assertThat(run.inputs().contains("time"))
                            .isEqualTo(denoiser.time().isPresent());
                    for (int batch : new int[] {1, 3}) {
                        compare(prior, denoiser, run, batch);
                    }
                }
            });
        }
    }

    private static void compare(Prior prior, DenoiserGraph denoiser, OnnxRun run, int batch) {
        int states = CODES + denoiser.masks();
        int length = Math.toIntExact(SPACE.length());
        Tensor xt = Tensors.longs(LongStream.range(0, (long) batch * length)
                        .map(i -> (i * 7 + i / 5) % states)
                        .toArray())
                .view(batch, length);
        Tensor time = torch.arange(new Scalar(batch)).to(ScalarType.Float).add(new Scalar(0.375));
        if (denoiser.time().orElse("").startsWith("t - 1")) {
            time = time.floor();
        }
        Tensor label = prior.classes() == 0
                ? null
                : Tensors.longs(
                        LongStream.range(0, batch).map(i -> prior.classes() - i).toArray());
        Map<String, Tensor> inputs = new HashMap<>(Map.of("xt", xt));
        if (denoiser.time().isPresent()) {
            inputs.put("time", time);
        }
        if (label != null) {
            inputs.put("label", label);
        }
        Tensor ours = prior.denoiser().logits(xt, time, label, null);
        Tensor theirs = run.of(inputs);
        assertThat(Dims.of(theirs)).containsExactly(batch, length, ours.size(1));
        Written.near(theirs.flatten(0, 1), ours);
    }

    /** So that nothing is zero that begins as zero. */
    private static void disturb(Prior prior) {
        prior.parameters().training(false);
        Seed seed = new Seed(3);
        prior.parameters()
                .weights()
                .forEach((name, weight) -> weight.add_(torch.zeros_like(weight)
                        .normal_(0, 0.1, seed.child(name).optional())));
    }

    private static PriorConfiguration configuration(String yaml) {
        String training = "training: {steps: 1, batch: 1, learning_rate: 0.1}\n";
        return RecipeFile.parse(training + "prior: " + yaml, "the test", PriorRecipe.class, List.of())
                .prior();
    }
}
