package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Evaluations of what a model draws and a tokenizer gives back, without files of images. */
class EvaluateModelTest {
    private static final String FEATURES = """
        seed: 1
        data: {held_out: 0.2}
        classifier: {size: 16, channels: 8, multipliers: [1, 2]}
        training: {steps: 2, batch: 4, learning_rate: 1.0e-3, precision: fp32}
        """;

    @TempDir
    private static Path folder;

    private static Path images;
    private static Path tokenizer;
    private static Path model;
    private static Path features;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_what_is_measured() {
        TinyWorld world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        images = folder.resolve("images");
        model = world.prior("prior", world.tokens(tokenizer));
        Path recipe = world.write("features.yaml", FEATURES);
        features = folder.resolve("features");
        ok(run("train-features", recipe, "--data", images, "--out", features));
    }

    @Test
    void a_model_gives_the_numbers_of_the_images_that_it_would_write() {
        Path drawn = fresh.resolve("drawn.npz");
        Object[] sampling = {"--count", 41, "--seed", 3, "--temperature", 0.9, "--steps", 5};
        Path pictures = fresh.resolve("drawn");
        ok(run(sampling, "generate", model, "--out", drawn, "--format", "npz"));
        ok(run(sampling, "generate", model, "--out", pictures));
        JsonNode files = ok(run("evaluate", "--real", images, "--fake", drawn, "--seed", 3, "--json"))
                .json();
        JsonNode memory = ok(run(sampling, "evaluate", "--real", images, "--fake", model, "--json"))
                .json();
        assertThat(memory.get("metrics")).isEqualTo(files.get("metrics"));
        assertThat(memory.get("size")).isEqualTo(files.get("size"));
        JsonNode fake = memory.get("fake");
        assertThat(fake.get("kind").asText()).isEqualTo("model");
        assertThat(fake.get("images").asInt()).isEqualTo(41);
        assertThat(fake.get("fingerprint").asText()).hasSize(16);
        JsonNode draw = memory.get("draw");
        assertThat(draw.get("model").asText()).isEqualTo(model.toString());
        assertThat(draw.get("labels").asText()).isEqualTo("all, evenly");
        assertThat(draw.get("seed").asInt()).isEqualTo(3);
        assertThat(draw.get("sampler").get("steps").asInt()).isEqualTo(5);
        assertThat(draw.get("sampler").get("temperature").asDouble()).isEqualTo(0.9);
        assertThat(draw.get("forward_passes_per_image").asDouble()).isBetween(0.5, 5.0);
        assertThat(draw.get("seconds").asDouble())
                .isPositive()
                .isLessThan(memory.get("seconds").asDouble());
        assertThat(files.has("draw")).isFalse();
        Object[] accuracy = {"--features", features, "--metrics", "accuracy", "--json"};
        JsonNode ofFiles = ok(run(accuracy, "evaluate", "--real", images, "--fake", pictures))
                .json()
                .get("metrics");
        JsonNode ofModel = ok(run(
                        accuracy,
                        "evaluate",
                        "--real",
                        images,
                        "--fake",
                        model,
                        "--count",
                        41,
                        "--seed",
                        3,
                        "--temperature",
                        0.9,
                        "--steps",
                        5))
                .json()
                .get("metrics");
        assertThat(value(ofModel, "accuracy")).isEqualTo(value(ofFiles, "accuracy"));
    }

    @Test
    void a_model_draws_as_many_as_there_are_and_the_classes_that_are_named() {
        JsonNode all = ok(run("evaluate", "--real", images, "--fake", model, "--metrics", "frechet", "--json"))
                .json();
        assertThat(all.get("fake").get("images").asInt()).isEqualTo(12);
        JsonNode blue = ok(run(
                        "evaluate",
                        "--real",
                        images,
                        "--fake",
                        model,
                        "--metrics",
                        "frechet",
                        "--label",
                        "blue",
                        "--json"))
                .json();
        assertThat(blue.get("draw").get("labels").get(0).asText()).isEqualTo("blue");
        assertThat(blue.get("metrics")).isNotEqualTo(all.get("metrics"));
    }

    @Test
    void bits_are_those_of_likelihood() {
        JsonNode bits = ok(run("evaluate", "--real", images, "--fake", model, "--metrics", "bits", "--json"))
                .json();
        JsonNode likelihood =
                ok(run("likelihood", model, "--data", images, "--json")).json();
        for (String name : new String[] {"bits_per_token", "bits_per_dimension", "bits_per_dimension_5_bit"}) {
            JsonNode value = bits.get("metrics").get(name);
            double mean = likelihood.get(name).get("mean").asDouble();
            double half = likelihood.get(name).get("interval_95").asDouble();
            assertThat(value.get("value").asDouble()).as(name).isEqualTo(mean);
            assertThat(value.get("interval_95").get(1).asDouble()).as(name).isCloseTo(mean + half, within(1e-12));
        }
        assertThat(likelihood.get("bits_per_dimension").get("mean").asDouble()
                        - likelihood.get("bits_per_dimension_5_bit").get("mean").asDouble())
                .isCloseTo(3, within(1e-9));
        assertThat(bits.get("fake").get("images").asInt())
                .as("images drawn for the likelihood")
                .isZero();
        assertThat(bits.get("notices").toString()).contains("bounds");
    }

    @Test
    void likelihood_says_which_bound_a_number_is_and_gives_that_of_the_steps_of_training_too() {
        JsonNode found = ok(run("likelihood", model, "--data", images, "--repeats", 20, "--json"))
                .json();
        JsonNode inSteps = found.get("bound_in_steps");
        assertThat(found.get("bound").asText()).isEqualTo("continuous");
        assertThat(found.get("steps").isNull()).isTrue();
        assertThat(inSteps.get("steps").asInt()).isEqualTo(16);
        double pixels = found.get("bits_per_dimension").get("mean").asDouble();
        double tokens = found.get("bits_per_token").get("mean").asDouble();
        assertThat(inSteps.get("bits_per_token").get("mean").asDouble()).isNotEqualTo(tokens);
        assertThat(inSteps.get("bits_per_dimension").get("mean").asDouble() - pixels)
                .isCloseTo(
                        (inSteps.get("bits_per_token").get("mean").asDouble() - tokens) * 16 / (3 * 16 * 16),
                        within(1e-6));
        assertThat(ok(run("likelihood", model, "--data", images)).out())
                .contains("of 5-bit pixels", "the bound of continuous time", "the bound of 16 steps");
    }

    @Test
    void likelihood_measures_some_of_the_grids_spread_over_all() {
        Path tokens = fresh.resolve("some.safetensors");
        ok(run("encode", tokenizer, "--data", images, "--out", tokens));
        JsonNode all =
                ok(run("likelihood", model, "--tokens", tokens, "--json")).json();
        JsonNode some = ok(run("likelihood", model, "--tokens", tokens, "--grids", 3, "--json"))
                .json();
        JsonNode more = ok(run("likelihood", model, "--tokens", tokens, "--grids", 10_000, "--json"))
                .json();
        assertThat(all.get("grids").asInt()).isGreaterThan(3);
        assertThat(some.get("grids").asInt()).isEqualTo(3);
        assertThat(some.get("bits_per_token")).isNotEqualTo(all.get("bits_per_token"));
        assertThat(more.get("bits_per_token")).isEqualTo(all.get("bits_per_token"));
        assertThat(ok(run("likelihood", model, "--data", images, "--grids", 3, "--json"))
                        .json()
                        .get("grids")
                        .asInt())
                .isEqualTo(3);
        refused(run("likelihood", model, "--tokens", tokens, "--grids", -1), "grids must be at least 1");
    }

    @Test
    void a_tokenizer_gives_back_what_encode_says_it_does() {
        JsonNode encoded = ok(run(
                        "encode",
                        tokenizer,
                        "--data",
                        images,
                        "--out",
                        fresh.resolve("t.safetensors"),
                        "--reconstruct",
                        "--batch",
                        32,
                        "--json"))
                .json();
        JsonNode json = ok(run("evaluate", "--real", images, "--fake", tokenizer, "--json"))
                .json();
        JsonNode metrics = json.get("metrics");
        assertThat(metrics.fieldNames())
                .toIterable()
                .containsExactly("reconstruction_frechet", "psnr", "ssim", "codebook_usage", "perplexity");
        for (String name : new String[] {"psnr", "codebook_usage", "perplexity"}) {
            assertThat(value(metrics, name))
                    .as(name)
                    .isCloseTo(encoded.get(name).asDouble(), within(1e-9));
        }
        assertThat(value(metrics, "reconstruction_frechet")).isPositive();
        for (String name : new String[] {"psnr", "ssim"}) {
            JsonNode interval = metrics.get(name).get("interval_95");
            assertThat(value(metrics, name))
                    .as(name)
                    .isStrictlyBetween(
                            interval.get(0).asDouble(), interval.get(1).asDouble());
        }
        assertThat(json.get("fake").get("kind").asText()).isEqualTo("tokenizer");
        assertThat(json.get("fake").get("images").asInt()).isEqualTo(12);
        JsonNode more = ok(run(
                        "evaluate", "--real", images, "--fake", tokenizer, "--metrics", "codes,precision", "--json"))
                .json();
        assertThat(more.get("metrics").fieldNames())
                .toIterable()
                .containsExactly("precision", "codebook_usage", "perplexity");
    }

    @Test
    void the_card_says_on_what_the_numbers_depend() throws IOException {
        Path card = fresh.resolve("new").resolve("card.md");
        Command command = ok(run(
                "evaluate",
                "--real",
                images,
                "--split",
                "held-out",
                "--fake",
                model,
                "--count",
                7,
                "--guidance",
                1.5,
                "--card",
                card,
                "--seed",
                9));
        String page = Files.readString(card);
        for (String text : new String[] {
            "7 images drawn by",
            "held-out",
            "16x16",
            "pixels-8x8",
            "guidance 1.5",
            "temperature 1.0",
            "weights",
            "forward passes",
            "12 images of"
        }) {
            assertThat(command.out()).contains(text);
            assertThat(page).contains(text);
        }
        assertThat(page).contains("| frechet | ", "100 resamples of the fake images", "- **seed**: 9");
    }

    @Test
    void refuses_what_makes_no_sense() throws IOException {
        Path files = images.resolve("blue");
        refused(run("evaluate", "--real", images, "--fake", files, "--count", 3), "--count", "a model", "leave it out");
        refused(run("evaluate", "--real", images, "--fake", files, "--top-p", 0.5), "--top-p");
        refused(run("evaluate", "--real", images, "--fake", tokenizer, "--label", "blue"), "--label");
        refused(run("evaluate", "--real", images, "--fake", model, "--count", 0), "--count must be at least 1, got 0");
        refused(run("evaluate", "--real", images, "--fake", model, "--label", "bleu"), "bleu", "did you mean blue?");
        refused(run("evaluate", "--real", images, "--fake", model, "--metrics", "psnr"), "psnr", "pairs");
        refused(run("evaluate", "--real", images, "--fake", model, "--metrics", "codes"), "codes", "train-tokenizer");
        refused(run("evaluate", "--real", images, "--fake", files, "--metrics", "bits"), "bits", "needs a model");
        refused(run("evaluate", "--real", images, "--fake", tokenizer, "--size", 8), "size must be 16", "got 8");
        refused(run("evaluate", "--real", images, "--fake", model, "--count", 1, "--metrics", "frechet"), "1 fake");
        Path both = fresh.resolve("both");
        refused(run("evaluate", "--real", images, "--fake", model, "--out", both, "--card", both), "two files");
        assertThat(both).doesNotExist();
        Path empty = Files.createDirectories(fresh.resolve("empty"));
        Files.writeString(
                empty.resolve("model.json"),
                "{\"format\": 1, \"kind\": \"other\", \"codes\": 2, " + "\"height\": 1, \"width\": 1, \"classes\": 0}");
        refused(run("evaluate", "--real", images, "--fake", empty), "holds another kind of model (other)");
    }

    private static double value(JsonNode metrics, String name) {
        return metrics.get(name).get("value").asDouble();
    }

    private static Command run(Object... arguments) {
        return Command.run(arguments);
    }

    private static Command run(Object[] more, Object... first) {
        return Command.run(
                Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray());
    }

    private static Command ok(Command command) {
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }
}
