package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.job.ImportWeights;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** MaskGITs of other projects: their guesses, and draws of them by our samplers. */
class ImportedMaskGitTest {
    private static final double CLOSE = 1e-4; // of logits of about 1

    @TempDir
    Path folder;

    @Test
    void of_halton_maskgit() {
        Published published = Published.of(
                "maskgit", "weights", folder.resolve("run"), null, "halton-maskgit", "prior.network.heads=4");
        Fixture fixture = published.fixture();
        assertThat(published.facts())
                .containsEntry("codes", 32)
                .containsEntry("grid", "8x8")
                .containsEntry("classes", 10)
                .containsEntry("left_out", Map.of("tied head", 1));
        try (Prior prior = published.run().prior(Devices.cpu(), List.of())) {
            Scope.free(() -> {
                Tensor label = fixture.in("y").masked_fill(fixture.in("drop").to(ScalarType.Bool), new Scalar(10L));
                Tensor ours = prior.denoiser().logits(fixture.in("x").flatten(1, 2), null, label, null);
                Tensor theirs = fixture.out("logits").narrow(2, 0, 32); // which guess the mask too
                assertThat(Tensors.toDoubles(ours)).containsExactly(Tensors.toDoubles(theirs), within(CLOSE));
            });
            drawsAndMeasures(prior);
        }
    }

    /** As training on many devices, and compiling, leave them in a file. */
    @ParameterizedTest
    @ValueSource(strings = {"", "module.", "_orig_mod.", "module._orig_mod.", "model_state_dict.module._orig_mod."})
    void finds_weights_behind_what_wrappers_put_before_their_names(String before) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        Fixture.of("maskgit").weights().forEach((name, tensor) -> weights.put(before + name, tensor));
        assertThat(imported(weights, "run", null)).containsEntry("kind", "halton-maskgit");
    }

    @Test
    void of_a_halton_maskgit_without_registers_that_merges_tokens() {
        HaltonTransformerConfiguration configuration =
                new HaltonTransformerConfiguration(2, 64, 1, 500, 0, 2, null); // 500 · 2/3, rounded up: 512
        Tensor x =
                Tensors.longs(LongStream.range(0, 32).map(i -> i % 6).toArray()).view(2, 16);
        Tensor label = Tensors.longs(1, 3);
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            var network = configuration.build(parameters, new NetworkShape(4, 4, 6, 5, 3, 0));
            wake(parameters.weights());
            Map<String, Tensor> weights = new LinkedHashMap<>(parameters.weights());
            weights.remove("reg_tokens.weight");
            assertThat(imported(weights, "run", null)).containsEntry("grid", "4x4");
            try (Prior prior = run("run").prior(Devices.cpu(), List.of())) {
                assertThat(logits(prior, x, label))
                        .containsExactly(Tensors.toDoubles(network.logits(x, null, label, null)), within(1e-6));
            }
        }
    }

    /** The published one of this width has 6, of ⌊512 / 6⌋ channels; another can't have as many. */
    @ParameterizedTest
    @ValueSource(ints = {6, 8})
    void knows_how_many_heads_a_halton_maskgit_has(int heads) throws IOException {
        try (Parameters parameters = new Parameters(new Seed(1), Devices.cpu())) {
            new HaltonTransformerConfiguration(1, 512, heads).build(parameters, new NetworkShape(4, 4, 6, 5, 3, 0));
            imported(parameters.weights(), "run", null);
            assertThat(Files.readString(folder.resolve("run").resolve("recipe.yaml")))
                    .contains("heads: " + heads);
        }
    }

    private static void wake(Map<String, Tensor> weights) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                weights.forEach((name, weight) ->
                        weight.normal_(0, 0.2, new Seed(3).child(name).optional()));
            }
        });
    }

    @Test
    void of_the_first_maskgit_of_besnier_and_chen() throws IOException {
        Besnier theirs = Besnier.random();
        assertThat(imported(theirs.weights(), "run", classNames(Besnier.CLASSES)))
                .containsEntry("kind", "besnier-maskgit")
                .containsEntry("codes", Besnier.CODES)
                .containsEntry("grid", "3x3")
                .containsEntry("classes", Besnier.CLASSES)
                .containsEntry("left_out", Map.of());
        Tensor x = Tensors.longs(8, 0, 1, 2, 3, 4, 5, 7, 8, 8, 8, 8, 8, 3, 8, 8, 8, 8)
                .view(2, 9);
        Tensor label = Tensors.longs(1, Besnier.CLASSES); // the last: none
        try (Prior prior = run("run").prior(Devices.cpu(), List.of())) {
            double[] expected = Tensors.toDoubles(theirs.logits(x, label));
            assertThat(logits(prior, x, label)).containsExactly(expected, within(1e-5));
            Tensor at = Tensors.longs(0, 8, 9, 17);
            Tensor some = prior.denoiser().logits(x, null, label, at);
            Tensor all = Tensors.doubles(expected).view(18, Besnier.CODES);
            assertThat(Tensors.toDoubles(some))
                    .containsExactly(Tensors.toDoubles(all.index_select(0, at)), within(1e-5));
            drawsAndMeasures(prior);
        }
    }

    @Test
    void tells_codes_from_classes_by_the_names_of_these() throws IOException {
        assertThatThrownBy(() -> imported(Besnier.random().weights(), "run", null))
                .isInstanceOf(JobException.class)
                .hasMessageEndingWith(
                        "weights.safetensors: can't be computed here as a MaskGIT of Maskgit-pytorch: tok_emb.weight must"
                                + " have a row for each code, the mask, each of 1000 classes and no class, has 13 rows, and none are left"
                                + " for codes: name the classes that there are, by --classes");
    }

    /** As the released code says it, plainly, in float64, over its own names. */
    private record Besnier(Map<String, Tensor> weights) {
        static final int CODES = 8;
        static final int CLASSES = 3;
        private static final long WIDTH = 64;

        static Besnier random() {
            Map<String, long[]> shapes = new LinkedHashMap<>();
            shapes.put("tok_emb.weight", new long[] {CODES + 1 + CLASSES + 1, WIDTH});
            shapes.put("pos_emb", new long[] {1, 10, WIDTH});
            for (String part : List.of("first_layer.0", "first_layer.4", "last_layer.0", "last_layer.4")) {
                layer(shapes, part, WIDTH);
            }
            for (String part : List.of("first_layer.2", "first_layer.6", "last_layer.2")) {
                layer(shapes, part, WIDTH, WIDTH);
            }
            for (int i = 0; i < 2; i++) {
                String block = "transformer.layers." + i;
                layer(shapes, block + ".0.norm", WIDTH);
                shapes.put(block + ".0.fn.mha.in_proj_weight", new long[] {3 * WIDTH, WIDTH});
                shapes.put(block + ".0.fn.mha.in_proj_bias", new long[] {3 * WIDTH});
                layer(shapes, block + ".0.fn.mha.out_proj", WIDTH, WIDTH);
                layer(shapes, block + ".1.norm", WIDTH);
                layer(shapes, block + ".1.fn.net.0", 4 * WIDTH, WIDTH);
                layer(shapes, block + ".1.fn.net.3", WIDTH, 4 * WIDTH);
            }
            shapes.put("bias", new long[] {10, CODES + 1 + CLASSES + 1});
            Map<String, Tensor> weights = new LinkedHashMap<>();
            shapes.forEach((name, shape) -> weights.put(name, Tensors.zeros(shape)));
            wake(weights);
            return new Besnier(weights);
        }

        private static void layer(Map<String, long[]> shapes, String name, long... weight) {
            shapes.put(name + ".weight", weight);
            shapes.put(name + ".bias", new long[] {weight[0]});
        }

        private Tensor get(String name) {
            return weights.get(name).to(ScalarType.Double);
        }

        private Tensor linear(String name, Tensor x) {
            return x.matmul(get(name + ".weight").t()).add(get(name + ".bias"));
        }

        private Tensor norm(String name, Tensor x, double epsilon) {
            return torch.layer_norm(
                    x,
                    new long[] {WIDTH},
                    new TensorOptional(get(name + ".weight")),
                    new TensorOptional(get(name + ".bias")),
                    epsilon,
                    false);
        }

        /** [B, 9], [B] -> [B·9, 8] */
        Tensor logits(Tensor tokens, Tensor label) {
            Tensor told = label.add(new Scalar(CODES + 1L)).unsqueeze(1);
            Tensor x = torch.embedding(get("tok_emb.weight"), Tensors.cat(1, tokens, told))
                    .add(get("pos_emb"));
            x = torch.gelu(linear("first_layer.2", norm("first_layer.0", x, 1e-12)));
            x = linear("first_layer.6", norm("first_layer.4", x, 1e-12));
            for (int i = 0; i < 2; i++) {
                String block = "transformer.layers." + i;
                x = attention(block + ".0.fn.mha", norm(block + ".0.norm", x, 1e-5))
                        .add(x);
                Tensor hidden = torch.gelu(linear(block + ".1.fn.net.0", norm(block + ".1.norm", x, 1e-5)));
                x = linear(block + ".1.fn.net.3", hidden).add(x);
            }
            x = torch.gelu(linear("last_layer.2", norm("last_layer.0", x, 1e-12)));
            x = norm("last_layer.4", x, 1e-12);
            Tensor all = x.matmul(get("tok_emb.weight").t()).add(get("bias")); // [B, 10, 13]
            return all.narrow(1, 0, 9).narrow(2, 0, CODES).reshape(-1, CODES);
        }

        /** One head, since the width is 64. */
        private Tensor attention(String name, Tensor x) {
            Tensor all = x.matmul(get(name + ".in_proj_weight").t()).add(get(name + ".in_proj_bias"));
            Tensor q = all.narrow(2, 0, WIDTH);
            Tensor k = all.narrow(2, WIDTH, WIDTH);
            Tensor v = all.narrow(2, 2 * WIDTH, WIDTH);
            Tensor scores = q.matmul(k.transpose(1, 2)).div(new Scalar(Math.sqrt(WIDTH)));
            return linear(name + ".out_proj", torch.softmax(scores, -1).matmul(v));
        }
    }

    /** [B·L, K] */
    private static double[] logits(Prior prior, Tensor x, Tensor label) {
        return Tensors.toDoubles(prior.denoiser().logits(x, null, label, null));
    }

    private static void drawsAndMeasures(Prior prior) {
        Scope.free(() -> {
            List<Seed> seeds = List.of(new Seed(1), new Seed(2));
            Tensor label = Tensors.longs(0, 2);
            Tensor codes = prior.sample(prior.draw(Sampling.USUAL.steps(4).guidance(1.5), RandomStreams.of(seeds))
                    .labels(label));
            long[] drawn = Tensors.toLongs(codes);
            assertThat(LongStream.of(drawn))
                    .allMatch(code -> code >= 0 && code < prior.space().codes());
            assertThat(LongStream.of(drawn).distinct().count()).isGreaterThan(1);
            double[] nats = Tensors.toDoubles(
                    prior.negativeLogLikelihood(new TokenBatch(codes.flatten(1, 2), label), new Seed(1)));
            assertThat(DoubleStream.of(nats)).hasSize(2).allMatch(each -> each > 0 && Double.isFinite(each));
        });
    }

    private Map<String, Object> imported(Map<String, Tensor> weights, String out, Path classes) {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, weights, Map.of());
        return new ImportWeights(file, folder.resolve(out), null, null, classes, null, List.of()).run();
    }

    private RunFolder run(String name) {
        return RunFolder.open(folder.resolve(name));
    }

    private Path classNames(int count) throws IOException {
        List<String> names = new ArrayList<>();
        IntStream.range(0, count).forEach(i -> names.add("class " + i));
        return Files.write(folder.resolve("classes.txt"), names);
    }
}
