package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** From labelled images to what evaluate says by the features that were learnt from them. */
class FeaturesTest {
    private static final String RECIPE = """
        seed: 1
        data: {held_out: 0.2}
        classifier: {size: 16, channels: 8, multipliers: [1, 2], dropout: 0, shift: 1}
        training:
          {steps: 40, batch: 8, learning_rate: 5.0e-3, precision: fp32, averaging: 0.9, log_every: 10, validate_every: 40,
           checkpoint_every: 20}
        """;

    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path images;
    private static Path recipe;
    private static Path run;
    private static Command trained;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_a_classifier() {
        world = new TinyWorld(folder);
        images = world.images();
        recipe = world.write("features.yaml", RECIPE);
        run = folder.resolve("features");
        trained = Command.run("train-features", recipe, "--data", images, "--out", run, "--json");
        assertThat(trained.code()).as(trained.err()).isZero();
    }

    @Test
    void says_what_was_learnt() {
        assertThat(trained.json().get("kind").asText()).isEqualTo("features");
        assertThat(trained.json().get("complete").asBoolean()).isTrue();
        JsonNode info = Command.run("info", run, "--json").json();
        assertThat(info.get("kind").asText()).isEqualTo("features");
        assertThat(info.get("size").asText()).isEqualTo("16x16");
        assertThat(info.get("class_names").toString()).contains("Red Stripe", "blue");
        assertThat(info.get("held_out").get("accuracy").asDouble()).isEqualTo(1);
        assertThat(info.get("parameters").asLong()).isPositive();
        Command again = Command.run("train-features", recipe, "--data", images, "--out", run, "--resume");
        assertThat(again.out()).contains("nothing to do");
    }

    @Test
    void compares_images_by_what_was_learnt() throws IOException, NoSuchAlgorithmException {
        Path drawn = fresh.resolve("drawn");
        for (String name : new String[] {"Red Stripe", "blue"}) {
            for (int i = 0; i < 8; i++) {
                Pictures.writePng(drawn.resolve(name).resolve(i + ".png"), TinyWorld.image(name, 50 + i));
            }
        }
        JsonNode json = evaluate(images, drawn);
        assertThat(json.get("metrics").fieldNames())
                .toIterable()
                .containsExactly(
                        "frechet", "kernel", "score", "accuracy", "precision", "recall", "density", "coverage");
        assertThat(value(json, "accuracy")).as("all new images are recognised").isEqualTo(1);
        assertThat(value(json, "score")).isBetween(1.0, 2.0);
        JsonNode features = json.get("features");
        assertThat(features.get("name").asText()).isEqualTo("classifier:features");
        assertThat(features.get("dimension").asInt()).isEqualTo(16);
        byte[] weights = Files.readAllBytes(run.resolve("checkpoint-40").resolve("averaged.safetensors"));
        assertThat(features.get("sha256").asText())
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(weights)))
                .isEqualTo(
                        Command.run("info", run, "--json").json().get("sha256").asText());
        assertThat(json.get("notices").toString())
                .contains("no FID", "no Inception score")
                .doesNotContain("resized");

        Path swapped = fresh.resolve("swapped");
        for (int i = 0; i < 8; i++) {
            Pictures.writePng(swapped.resolve("blue").resolve(i + ".png"), TinyWorld.image("Red Stripe", 50 + i));
        }
        JsonNode wrong = evaluate(images, swapped);
        assertThat(value(wrong, "accuracy")).isZero();
        assertThat(value(wrong, "frechet")).isGreaterThan(10 * value(json, "frechet"));
    }

    @Test
    void resizes_images_to_those_of_the_training_and_says_so() {
        Path large = fresh.resolve("large");
        SplittableRandom random = new SplittableRandom(4);
        for (int i = 0; i < 12; i++) {
            byte[] rgb = new byte[3 * 32 * 32];
            random.nextBytes(rgb);
            Pictures.writePng(large.resolve(i + ".png"), new Pixels(32, 32, rgb));
        }
        JsonNode json = evaluate(images, large, "--metrics", "frechet,score");
        assertThat(json.get("notices").toString()).contains("resized from 32x32 to the 16x16", "--size 16");
        assertThat(value(json, "frechet")).isPositive();
        assertThat(evaluate(images, large).get("metrics").has("accuracy"))
                .as("images without classes")
                .isFalse();
        refused(
                evaluateCommand(images, large, "--metrics", "accuracy"),
                "accuracy needs",
                "classifier:features",
                "large");
    }

    @Test
    void keeps_features_of_real_images_for_one_classifier_alone() {
        Path cache = fresh.resolve("cache");
        assertThat(evaluate(images, images, "--cache", cache).get("cached").asBoolean())
                .isFalse();
        assertThat(evaluate(images, images, "--cache", cache).get("cached").asBoolean())
                .isTrue();
        Path other = fresh.resolve("features");
        Command again = Command.run("train-features", recipe, "--data", images, "--out", other, "--set", "seed=2");
        assertThat(again.code()).as(again.err()).isZero();
        assertThat(Command.run(
                                "evaluate",
                                "--real",
                                images,
                                "--fake",
                                images,
                                "--cache",
                                cache,
                                "--features",
                                other,
                                "--json")
                        .json()
                        .get("cached")
                        .asBoolean())
                .isFalse();
    }

    @Test
    void finds_neighbours_by_what_was_learnt() {
        Command found = Command.run(
                "neighbours",
                "--samples",
                images.resolve("blue"),
                "--data",
                images,
                "--out",
                fresh.resolve("o.png"),
                "--by",
                "features",
                "--features",
                run,
                "--json");
        assertThat(found.code()).as(found.err()).isZero();
        for (JsonNode each : found.json().get("nearest")) {
            assertThat(each.get("neighbours").get(1).get("name").asText()).contains("blue/");
        }
    }

    @Test
    void refuses_what_makes_no_sense() throws IOException {
        Path out = fresh.resolve("run");
        refused(train(images.resolve("blue"), out), "at least 2 classes, got none");
        Path one = fresh.resolve("one");
        Pictures.writePng(one.resolve("apple").resolve("a.png"), TinyWorld.image("blue", 1));
        refused(train(one, out), "at least 2 classes, got 1, apple");
        Path mixed = fresh.resolve("mixed");
        Pictures.writePng(mixed.resolve("apple").resolve("a.png"), TinyWorld.image("blue", 1));
        Pictures.writePng(mixed.resolve("pear").resolve("b.png"), TinyWorld.image("blue", 2));
        Pictures.writePng(mixed.resolve("c.png"), TinyWorld.image("blue", 3));
        refused(train(mixed, out), "c.png", "either all or none have a class");
        refused(train(images, out, "--set", "classifier.dropout=2"), "dropout must be in [0, 1), got 2");
        refused(train(images, out, "--set", "classifier.width=2"), "unknown key classifier.width");
        assertThat(out).doesNotExist();
        refused(train(images, run), "not empty", "--resume");
        refused(Command.run("generate", run, "--out", out), "holds features", "a prior is needed");
        refused(Command.run("encode", run, "--data", images, "--out", out), "no tokenizer", "train-tokenizer");
        Path tokenizer = world.tokenizer();
        refused(
                Command.run("evaluate", "--real", images, "--fake", images, "--features", tokenizer),
                "holds a tokenizer",
                "features are needed",
                "train-features");
        refused(evaluateCommand(images, images, "--metrics", "is"), "is needs Inception's features", "score");
        Path broken = fresh.resolve("broken");
        Files.createDirectories(broken.resolve("checkpoint-1"));
        Files.copy(run.resolve("model.json"), broken.resolve("model.json"));
        Files.copy(run.resolve("recipe.yaml"), broken.resolve("recipe.yaml"));
        Files.writeString(broken.resolve("checkpoint-1").resolve("weights.safetensors"), "no weights");
        refused(
                Command.run("evaluate", "--real", images, "--fake", images, "--features", broken),
                "weights.safetensors");
    }

    private static Command train(Path data, Path out, Object... more) {
        Object[] first = {"train-features", recipe, "--data", data, "--out", out};
        return Command.run(
                Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray());
    }

    private static double value(JsonNode json, String name) {
        return json.get("metrics").get(name).get("value").asDouble();
    }

    private static JsonNode evaluate(Path real, Path fake, Object... more) {
        Command command = evaluateCommand(
                real,
                fake,
                Stream.concat(Arrays.stream(more), Stream.of("--json")).toArray());
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    private static Command evaluateCommand(Path real, Path fake, Object... more) {
        Object[] first = {"evaluate", "--real", real, "--fake", fake, "--features", run};
        return Command.run(
                Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray());
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }
}
