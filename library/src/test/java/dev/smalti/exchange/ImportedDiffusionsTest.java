package dev.smalti.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.Fixture;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.job.ImportWeights;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Activation;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Imported diffusions, and the autoregressive model beside one of them, against what their own projects make of the same tokens. */
class ImportedDiffusionsTest {
    private static final String HEADS = "prior.network.heads=4"; // of the fixtures

    @TempDir
    Path folder;

    private Path out() {
        return folder.resolve("run");
    }

    @Test
    void absorbing_diffusion_of_unleashing_transformers() {
        Published published =
                Published.of("absorbing-unleashing", "weights", out(), null, "unleashing-absorbing", HEADS);
        assertThat(published.facts())
                .containsEntry("grid", "8x8")
                .containsEntry("codes", 32)
                .containsEntry("left_out", Map.of("history of losses", 3, "start token that it doesn't read", 1));
        Fixture fixture = published.fixture();
        with(published.run(), prior -> {
            fixture.check(
                    "logits",
                    prior.denoiser().logits(fixture.in("x_t"), null, null, null).view_as(fixture.out("logits")));
            Tensor u = fixture.in("sample_u"); // [T', B, L]
            Sampling sampling = Sampling.USUAL
                    .steps(Math.toIntExact(u.size(0)))
                    .filter(new LogitFilter(fixture.settings("temp").asDouble(), 0, 1))
                    .unmasking(Unmasking.USUAL.reveal(Reveal.COINS));
            Tensor drawn = prior.sample(prior.draw(sampling, new Stored(u, fixture.in("sample_gumbel"))));
            Tensor theirs = fixture.out("sample_x_t");
            assertThat(Tensors.toLongs(drawn)).containsExactly(Tensors.toLongs(theirs.select(0, theirs.size(0) - 1)));
            assertThat(prior.process()).isEqualTo("absorbing diffusion in 12 steps"); // as its history has times
        });
    }

    @Test
    void autoregressive_transformer_of_unleashing_transformers() {
        Published published = Published.of(
                "absorbing-unleashing", "weights_autoregressive", out(), null, "unleashing-autoregressive", HEADS);
        assertThat(published.facts()).containsEntry("left_out", Map.of("causal masks", 2));
        Fixture fixture = published.fixture();
        with(published.run(), prior -> {
            Tensor x0 = fixture.in("x_0");
            Tensor nats = prior.negativeLogLikelihood(new TokenBatch(x0, null), new Seed(1));
            fixture.check("ar_loss", nats.mean().div(new Scalar(x0.size(1) * Math.log(2))));
            Tensor gumbel = fixture.in("ar_gumbel"); // [S, B, K]
            Sampling sampling = Sampling.USUAL.filter(
                    new LogitFilter(fixture.settings("temp").asDouble(), 0, 1));
            Tensor drawn = prior.sample(
                    prior.draw(sampling, new Stored(Tensors.zeros(gumbel.size(0), gumbel.size(1)), gumbel)));
            fixture.check("ar_sample", drawn.flatten(1, 2).narrow(1, 0, gumbel.size(0)));
        });
    }

    @Test
    void a_network_of_unleashing_transformers_has_a_head_for_64_channels_unless_said() {
        Fixture fixture = Fixture.of("absorbing-unleashing");
        imported(fixture.weightFile("weights"), null);
        with(RunFolder.open(out()), prior -> assertThat(prior.parameters().count())
                .isPositive());
        assertThat(out().resolve("recipe.yaml")).content().contains("heads: 1");
    }

    @ParameterizedTest
    @CsvSource({"absorb, weights, sedd,", "uniform, weights_uniform, sedd-uniform, sedd-uniform"})
    void sedd(String graph, String weights, String kind, String asked) {
        Fixture fixture = Fixture.of("sedd");
        Map<String, Object> facts = imported(fixture.weightFile(weights), asked, 16);
        assertThat(facts)
                .containsEntry("kind", kind)
                .containsEntry("codes", 20)
                .containsEntry("grid", "1x16")
                .containsEntry("left_out", Map.of("rotary frequencies", 1));
        gives_the_ratios(fixture, graph);
    }

    private void gives_the_ratios(Fixture fixture, String graph) {
        with(RunFolder.open(out()), prior -> {
            Tensor score = prior.denoiser().logits(fixture.in(graph + ".x"), fixture.in(graph + ".sigma"), null, null);
            fixture.check(graph + ".model_output", score.view_as(fixture.out(graph + ".model_output")));
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.", "model.module."})
    void sedd_by_the_moving_average_of_a_checkpoint_of_training(String prefix) {
        Fixture fixture = Fixture.of("sedd");
        Map<String, Tensor> theirs = fixture.weights();
        Map<String, Tensor> file = new LinkedHashMap<>();
        List<String> parameters = seddParameters();
        file.put(
                prefix + "vocab_embed.embedding",
                theirs.get("vocab_embed.embedding").mul(new Scalar(0.5)));
        file.put(prefix + "rotary_emb.inv_freq", theirs.get("rotary_emb.inv_freq"));
        parameters.forEach(name -> file.put(prefix + name, theirs.get(name).mul(new Scalar(0.5))));
        for (int i = 0; i < parameters.size(); i++) {
            file.put("ema.shadow_params." + i, theirs.get(parameters.get(i)));
        }
        file.put("optimizer.state.0.exp_avg", theirs.get("vocab_embed.embedding"));
        Path checkpoint = written(file);
        assertThat(imported(checkpoint, null, 16))
                .containsEntry("kind", "sedd")
                .containsEntry(
                        "left_out",
                        Map.of(
                                "rotary frequencies", 1,
                                "state of the optimizer", 1,
                                "weights before averaging", parameters.size()));
        gives_the_ratios(fixture, "absorb");
    }

    /** In the order in which the network has them. */
    private static List<String> seddParameters() {
        List<String> names = new ArrayList<>(List.of("vocab_embed.embedding"));
        for (String layer : List.of("0", "2")) {
            names.addAll(List.of("sigma_map.mlp." + layer + ".weight", "sigma_map.mlp." + layer + ".bias"));
        }
        for (String block : List.of("blocks.0.", "blocks.1.")) {
            for (String name : List.of(
                    "norm1.weight",
                    "attn_qkv.weight",
                    "attn_out.weight",
                    "norm2.weight",
                    "mlp.0.weight",
                    "mlp.0.bias",
                    "mlp.2.weight",
                    "mlp.2.bias",
                    "adaLN_modulation.weight",
                    "adaLN_modulation.bias")) {
                names.add(block + name);
            }
        }
        for (String name : List.of(
                "norm_final.weight",
                "linear.weight",
                "linear.bias",
                "adaLN_modulation.weight",
                "adaLN_modulation.bias")) {
            names.add("output_layer." + name);
        }
        return names;
    }

    @Test
    void sedd_as_its_settings_say_where_a_file_has_any() {
        Fixture fixture = Fixture.of("sedd");
        Map<String, String> settings = Map.of(
                "graph.type", "uniform",
                "noise.type", "geometric",
                "noise.sigma_max", "10",
                "model.length", "16",
                "model.n_heads", "4",
                "model.scale_by_sigma", "false");
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, fixture.weights("weights_uniform"), settings);
        assertThat(imported(file, null)).containsEntry("kind", "sedd-uniform").containsEntry("grid", "1x16");
        assertThat(out().resolve("recipe.yaml")).content().contains("geometric", "10.0");
        gives_the_ratios(fixture, "uniform");
    }

    @Test
    void sedd_whose_settings_are_no_numbers_is_refused() {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, Fixture.of("sedd").weights(), Map.of("model.n_heads", "four"));
        assertThatThrownBy(() -> imported(file, null))
                .hasMessageContaining("must have a number as model.n_heads, has four");
    }

    @Test
    void sedd_of_an_average_that_lacks_a_parameter_is_refused() {
        Fixture fixture = Fixture.of("sedd");
        Map<String, Tensor> file = new LinkedHashMap<>();
        seddParameters()
                .forEach(name -> file.put("model." + name, fixture.weights().get(name)));
        for (int i = 0; i < 3; i++) {
            file.put(
                    "ema.shadow_params." + i,
                    fixture.weights().get(seddParameters().get(i)));
        }
        Path checkpoint = written(file);
        assertThatThrownBy(() -> imported(checkpoint, null))
                .hasMessageContaining(
                        "must have a moving average of each of its 30 parameters in their order, has 3, and at 3 none of sigma_map.mlp.2.weight");
    }

    @Test
    void vq_diffusion() {
        Published published = Published.of("vqdiffusion", "weights", out(), null, "vq-diffusion", HEADS);
        assertThat(published.facts())
                .containsEntry("codes", 16)
                .containsEntry("grid", "4x4")
                .containsEntry("left_out", Map.of("noise schedule", 8));
        Fixture fixture = published.fixture();
        with(published.run(), prior -> {
            Tensor logits =
                    prior.denoiser().logits(fixture.in("xt"), fixture.in("t").to(ScalarType.Float), null, null);
            Tensor theirs = fixture.out("net_logits"); // [B, K, L]
            fixture.check(
                    "net_logits",
                    logits.view(theirs.size(0), theirs.size(2), -1).transpose(1, 2));
            assertThat(prior.parameters().buffers()).containsOnlyKeys("Lt_history", "Lt_count");
        });
    }

    /** A row of ours for none is their last, or where they have none the mean of all. */
    @ParameterizedTest
    @CsvSource({
        "ema., true, false, GELU2, LEARNT",
        "ema., false, true, GELU, SINUSOIDAL",
        "model.transformer., true, true, GELU, LEARNT",
        "transformer., false, false, GELU2, SINUSOIDAL"
    })
    void vq_diffusion_by_class(String place, boolean none, boolean convolution, Activation activation, Times times)
            throws Exception {
        int classes = 3;
        VqDiffusionTransformerConfiguration network = new VqDiffusionTransformerConfiguration(
                2, 32, 16, convolution, 2, null, 0.3, null, null, null, activation, times);
        VqDiffusionConfiguration configuration = new VqDiffusionConfiguration(
                network,
                100,
                VqDiffusionConfiguration.Transitions.AS_RELEASED,
                null,
                null,
                null,
                null,
                true,
                null,
                null,
                null);
        try (Prior own = configuration.build(new TokenSpace(7, 2, 2), classes, new Seed(3), Devices.cpu())) {
            Map<String, Tensor> file = new LinkedHashMap<>();
            own.parameters().all().forEach((name, tensor) -> putTheirs(file, place, name, tensor, none));
            file.put(place.startsWith("ema") ? "model.transformer.log_at" : place + "log_ct", Tensors.zeros(100));
            Path names = Files.writeString(folder.resolve("names.txt"), "ant\nbee\ncrab\n");
            Map<String, Object> facts = new ImportWeights(
                            written(file),
                            out(),
                            null,
                            null,
                            names,
                            null,
                            List.of("prior.network.activation="
                                    + activation.name().toLowerCase(Locale.ROOT)))
                    .run();
            assertThat(facts).containsEntry("kind", "vq-diffusion").containsEntry("classes", classes);
            Tensor xt = Tensors.longs(7, 0, 1, 7, 2, 3, 4, 5).view(2, 4);
            Tensor time = Tensors.floats(3, 90);
            Tensor labels = none ? Tensors.longs(1, 3) : Tensors.longs(1, 2);
            double[] ours = Scope.value(() -> Tensors.toDoubles(own.denoiser().logits(xt, time, labels, null)));
            with(RunFolder.open(out()), prior -> {
                assertThat(Tensors.toDoubles(prior.denoiser().logits(xt, time, labels, null)))
                        .containsExactly(ours, within(1e-5));
                Tensor table = prior.parameters().weights().get("blocks.1.ln2.emb.weight"); // [4, D]
                if (!none) {
                    double[] mean = Tensors.toDoubles(table.narrow(0, 0, 1)
                            .add(table.narrow(0, 1, 1))
                            .add(table.narrow(0, 2, 1))
                            .div(new Scalar(3.0)));
                    assertThat(Tensors.toDoubles(table.select(0, 3))).containsExactly(mean, within(1e-6));
                }
            });
            assertThat(out().resolve("recipe.yaml")).content().contains("label_dropping: " + (none ? "0.1" : "0.0"));
        }
    }

    /** Ours under their names, with queries, keys and values apart and perhaps without the row for no class. */
    private static void putTheirs(Map<String, Tensor> file, String place, String name, Tensor tensor, boolean none) {
        String theirs = place + (name.startsWith("Lt_") ? name : "transformer." + name);
        if (name.contains(".qkv.")) {
            List<String> parts = List.of("query", "key", "value");
            long width = tensor.size(0) / parts.size();
            for (int i = 0; i < parts.size(); i++) {
                file.put(
                        theirs.replace("qkv", parts.get(i)),
                        tensor.narrow(0, i * width, width).contiguous());
            }
        } else {
            file.put(
                    theirs,
                    none || !name.endsWith("ln2.emb.weight")
                            ? tensor
                            : tensor.narrow(0, 0, tensor.size(0) - 1).contiguous());
        }
    }

    @Test
    void vq_diffusion_of_texts_is_refused_by_name() {
        Fixture fixture = Fixture.of("vqdiffusion");
        Map<String, Tensor> file = new LinkedHashMap<>(fixture.weights());
        file.put("transformer.blocks.0.attn2.key.weight", Tensors.zeros(32, 32));
        Path texts = written(file);
        assertThatThrownBy(() -> imported(texts, null))
                .hasMessageContaining("is conditioned on texts", "transformer.blocks.0.attn2");
    }

    @Test
    void vq_diffusion_of_another_schedule_is_refused() {
        Fixture fixture = Fixture.of("vqdiffusion");
        Map<String, Tensor> file = new LinkedHashMap<>(fixture.weights());
        file.compute("log_cumprod_at", (name, tensor) -> tensor.mul(new Scalar(0.5)));
        Path other = written(file);
        assertThatThrownBy(() -> imported(other, null)).hasMessageContaining("log_cumprod_at says otherwise");
    }

    private Path written(Map<String, Tensor> tensors) {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(file, tensors, Map.of());
        return file;
    }

    private Map<String, Object> imported(Path file, String kind, String... overrides) {
        return imported(file, kind, null, overrides);
    }

    private Map<String, Object> imported(Path file, String kind, Integer size, String... overrides) {
        return new ImportWeights(file, out(), kind, null, null, size, Arrays.asList(overrides)).run();
    }

    private static void with(RunFolder run, Consumer<Prior> body) {
        try (Prior prior = run.prior(Devices.cpu(), List.of())) {
            Scope.free(() -> body.accept(prior));
        }
    }

    /** The random numbers that the reference drew, and none for steps beyond. u [T', B, ...], gumbel [T', B, K] or [T', B, L, K]. */
    private record Stored(Tensor u, Tensor gumbel) implements RandomStreams {
        @Override
        public long grids() {
            return u.size(1);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return step > u.size(0) || u.dim() == 2
                    ? Tensors.zeros(grids(), length).to(ScalarType.Double)
                    : u.select(0, step - 1).to(ScalarType.Double);
        }

        @Override
        public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
            if (step > gumbel.size(0)) {
                return RandomStreams.super.pick(step, at, length, logProbabilities);
            }
            Tensor race = gumbel.select(0, step - 1)
                    .reshape(-1, gumbel.size(-1))
                    .to(ScalarType.Double)
                    .neg()
                    .exp();
            return GumbelRace.draw(logProbabilities, u.dim() == 2 ? race : race.index_select(0, at));
        }
    }
}
