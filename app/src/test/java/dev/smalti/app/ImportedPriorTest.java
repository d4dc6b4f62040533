package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.refused;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Priors that other projects published, drawn from and measured as those that were trained here. */
class ImportedPriorTest {
    @TempDir
    Path folder;

    @Test
    void a_vq_diffusion_by_class_draws_tokens_and_images_with_guidance_and_knows_their_likelihood() {
        TinyWorld world = new TinyWorld(folder);
        Path tokenizer = world.tokenizer();
        TokenSpace space = new TokenSpace(16, 4, 4);
        Path published = folder.resolve("imagenet_pretrained.safetensors");
        write(vqDiffusion(), space, 2, published, ImportedPriorTest::vqDiffusionNames);
        Path run = folder.resolve("run");
        Object[] command = {
            "import",
            published,
            "--out",
            run,
            "--classes",
            world.write("classes.txt", "red\nblue\n"),
            "--tokenizer",
            tokenizer
        };
        JsonNode facts = done(command);
        assertThat(facts.required("kind").asText()).isEqualTo("vq-diffusion");
        assertThat(facts.required("grid").asText()).isEqualTo("4x4");

        Path tokens = folder.resolve("drawn.safetensors");
        Object[] draw = {"generate", run, "--count", 4, "--steps", 5};
        done(Command.with(draw, "--out", tokens, "--format", "tokens", "--label", "blue", "--guidance", 2));
        try (TokenFile file = TokenFile.read(tokens)) {
            assertThat(file.space()).isEqualTo(space);
            assertThat(file.size()).isEqualTo(4);
        }
        JsonNode images = done(Command.with(draw, "--out", folder.resolve("pictures")));
        assertThat(images.required("size").asText()).isEqualTo("16x16");
        done(Command.with(draw, "--out", folder.resolve("purer"), "--set", "prior.sampling.purity=1"));
        JsonNode likelihood = done("likelihood", run, "--tokens", tokens);
        assertThat(likelihood.required("bits_per_token").required("mean").asDouble())
                .isPositive();
        refused(command, "is not empty");
    }

    private static VqDiffusionConfiguration vqDiffusion() {
        VqDiffusionTransformerConfiguration network =
                new VqDiffusionTransformerConfiguration(1, 16, 16, false, 2, null, 0.3);
        return new VqDiffusionConfiguration(
                network,
                10,
                VqDiffusionConfiguration.Transitions.AS_RELEASED,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }

    /** Ours under the names of the moving average in their checkpoints, with queries, keys and values apart. */
    private static void vqDiffusionNames(Map<String, Tensor> file, Map.Entry<String, Tensor> ours) {
        String name = "ema." + (ours.getKey().startsWith("Lt_") ? "" : "transformer.") + ours.getKey();
        Tensor tensor = ours.getValue();
        List<String> parts = name.contains(".qkv.") ? List.of("query", "key", "value") : List.of("qkv");
        long size = tensor.size(0) / parts.size();
        for (int i = 0; i < parts.size(); i++) {
            file.put(
                    name.replace("qkv", parts.get(i)),
                    tensor.narrow(0, i * size, size).contiguous());
        }
    }

    @Test
    void a_sedd_draws_rows_of_tokens_of_any_length_and_knows_their_likelihood() {
        SeddConfiguration configuration = new SeddConfiguration(
                new DiffusionTransformerConfiguration(1, 64, 1, 16, null, false, null),
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
        Path published = folder.resolve("sedd.safetensors");
        write(
                configuration,
                new TokenSpace(300, 1, 12),
                0,
                published,
                (file, ours) -> file.put(ours.getKey(), ours.getValue()));
        Path run = folder.resolve("run");
        JsonNode facts = done("import", published, "--out", run, "--size", 12);
        assertThat(facts.required("codes").asInt()).isEqualTo(300);
        assertThat(facts.required("grid").asText()).isEqualTo("1x12");
        Path tokens = folder.resolve("drawn.safetensors");
        done("generate", run, "--count", 3, "--out", tokens, "--format", "tokens", "--top-p", 0.9);
        JsonNode likelihood = done("likelihood", run, "--tokens", tokens);
        assertThat(likelihood.required("bits_per_token").required("mean").asDouble())
                .isBetween(Math.log(300) / Math.log(2) - 1, 20.0);
        refused(new Object[] {"generate", run, "--out", folder.resolve("images")}, "tokens");
    }

    private static void write(
            PriorConfiguration configuration,
            TokenSpace space,
            int classes,
            Path path,
            BiConsumer<Map<String, Tensor>, Map.Entry<String, Tensor>> put) {
        try (Prior prior = configuration.build(space, classes, new Seed(1), Devices.cpu())) {
            Map<String, Tensor> file = new LinkedHashMap<>();
            prior.parameters().all().entrySet().forEach(each -> put.accept(file, each));
            TensorFile.write(path, file, Map.of());
        }
    }
}
