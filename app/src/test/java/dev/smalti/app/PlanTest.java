package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a training would take, before it. */
class PlanTest {
    @TempDir
    private Path folder;

    private TinyWorld world;

    @BeforeEach
    void begin() {
        world = new TinyWorld(folder);
    }

    @Test
    void says_of_a_tokenizer_what_its_training_takes_and_finds_and_leaves_nothing_behind() throws IOException {
        Path images = world.images();
        Path recipe = world.tokenizerRecipe();
        List<Path> before = files();
        JsonNode plan = json("plan", recipe, "--data", images);
        assertThat(files()).isEqualTo(before);
        assertThat(plan.fieldNames())
                .toIterable()
                .containsExactly(
                        "recipe",
                        "kind",
                        "method",
                        "size",
                        "grid",
                        "places",
                        "codes",
                        "parameters",
                        "parameters_by_part",
                        "step",
                        "memory",
                        "checkpoint_bytes",
                        "checkpoints_kept",
                        "training",
                        "data",
                        "machine",
                        "notices");
        assertThat(plan.get("kind").asText()).isEqualTo("tokenizer");
        assertThat(plan.get("method").asText()).isEqualTo("vqgan");
        assertThat(plan.get("grid").asText()).isEqualTo("4x4");
        assertThat(plan.get("codes").asInt()).isEqualTo(16);
        assertThat(plan.get("parameters_by_part").fieldNames())
                .toIterable()
                .contains("encoder", "decoder", "discriminator");

        JsonNode stretches = plan.get("step").get("stretches");
        assertThat(stretches).as("before the discriminator joins, and after").hasSize(2);
        assertThat(stretches.get(0).get("to").asInt()).isEqualTo(2);
        assertThat(stretches.get(1).get("from").asInt()).isEqualTo(2);
        assertThat(stretches.get(1).get("to").asInt()).isEqualTo(6);
        assertThat(stretches.get(0).get("steps_measured").asInt())
                .as("no step of the next stretch is among them")
                .isEqualTo(1);
        assertThat(stretches.get(1).get("operations").asDouble())
                .isGreaterThan(stretches.get(0).get("operations").asDouble());
        for (JsonNode each : stretches) {
            assertThat(each.get("seconds_least").asDouble()).isPositive();
            assertThat(each.get("seconds").asDouble())
                    .isBetween(
                            each.get("seconds_least").asDouble(),
                            each.get("seconds_most").asDouble());
        }
        double seconds = 2 * stretches.get(0).get("seconds").asDouble()
                + 4 * stretches.get(1).get("seconds").asDouble();
        JsonNode training = plan.get("training");
        assertThat(training.get("seconds").asDouble())
                .isCloseTo(
                        seconds + training.get("held_out_seconds").asDouble(),
                        org.assertj.core.data.Offset.offset(1e-9));
        assertThat(training.get("epochs").asDouble()).isEqualTo(6 * 4 / 11.0);

        JsonNode data = plan.get("data");
        assertThat(data.get("pictures").asInt()).isEqualTo(12);
        assertThat(data.get("held_out").asInt()).isEqualTo(1);
        assertThat(data.get("items_by_class").get("Red Stripe").asInt()).isEqualTo(6);
        assertThat(data.get("smaller").asInt()
                        + data.get("cut").asInt()
                        + data.get("broken").asInt())
                .isZero();
        if (Files.exists(Path.of("/proc/self/status"))) {
            assertThat(plan.get("memory").get("resident_bytes").asLong())
                    .isGreaterThan(plan.get("memory").get("state_bytes").asLong());
        }
    }

    @Test
    void a_checkpoint_is_as_large_as_planned_and_has_as_many_parameters() throws IOException {
        JsonNode plan = json("plan", world.tokenizerRecipe());
        Path run = world.tokenizer();
        long bytes = 0;
        for (String name : List.of("weights", "averaged", "optimizer")) {
            bytes += Files.size(run.resolve("checkpoint-6").resolve(name + ".safetensors"));
        }
        assertThat(plan.get("checkpoint_bytes").asLong())
                .isBetween(bytes * 7 / 10, bytes); // names are much of a tiny one
        JsonNode parts = plan.get("parameters_by_part");
        long model =
                plan.get("parameters").asLong() - parts.get("discriminator").asLong();
        assertThat(json("info", run).get("parameters").asLong())
                .isCloseTo(
                        model,
                        org.assertj.core.data.Percentage.withPercentage(
                                3)); // info counts the codebook too, which isn't trained
    }

    @Test
    void says_of_a_prior_what_it_takes_on_its_tokens_or_on_such_as_a_tokenizer_would_make() {
        Path tokens = folder.resolve("tokens.safetensors");
        Scope.free(() -> TokenFile.of(Tensors.zeros(30, 3, 5).to(org.bytedeco.pytorch.global.torch.ScalarType.Long), 7)
                .labels(Tensors.longs(Stream.iterate(0, i -> i + 1)
                        .limit(30)
                        .mapToLong(i -> Math.min(i, 1))
                        .toArray()))
                .build()
                .write(tokens));
        JsonNode own = json("plan", world.priorRecipe(), "--tokens", tokens);
        assertThat(own.get("kind").asText()).isEqualTo("prior");
        assertThat(own.get("method").asText()).isEqualTo("absorbing");
        assertThat(own.get("grid").asText()).isEqualTo("3x5");
        assertThat(own.get("data").get("items").asInt()).isEqualTo(30);
        assertThat(own.get("data").get("held_out").asInt()).isEqualTo(3);
        assertThat(own.get("notices").toString())
                .contains("1 of 2 classes have one picture", "the largest class has 29");

        JsonNode like =
                json("plan", world.priorRecipe(), "--tokenizer", world.tokenizerRecipe(), "--data", world.images());
        assertThat(like.get("grid").asText()).isEqualTo("4x4");
        assertThat(like.get("codes").asInt()).isEqualTo(16);
        assertThat(like.get("data").get("classes").asInt()).isEqualTo(2);
        assertThat(like.get("data").get("broken").asInt()).isZero();

        JsonNode shared = json("plan", world.priorRecipe(), "--tokens", tokens, "--processes", 2);
        assertThat(shared.get("step").get("batch").asInt() * 2)
                .isEqualTo(own.get("step").get("batch").asInt());
        assertThat(shared.get("training").get("epochs"))
                .isEqualTo(own.get("training").get("epochs"));
        assertThat(own.get("step").get("sent_bytes").asLong()).isZero();
        assertThat(shared.get("step").get("sent_bytes").asLong())
                .isEqualTo(4 * own.get("parameters").asLong());

        JsonNode card = own.get("memory").get("card");
        assertThat(card.get("bytes").asLong())
                .isEqualTo(card.get("fixed_bytes").asLong()
                        + own.get("step").get("batch").asLong()
                                * card.get("grid_bytes").asLong());
        JsonNode parts = json("plan", world.priorRecipe(), "--tokens", tokens, "--set", "training.accumulation=2");
        assertThat(parts.get("memory").get("card").get("bytes").asLong())
                .isBetween(card.get("fixed_bytes").asLong(), card.get("bytes").asLong() - 1);
        assertThat(Command.run("plan", world.priorRecipe(), "--tokens", tokens).out())
                .contains("on a card", "24 GB 1, 1");

        JsonNode usual = json("plan", world.priorRecipe());
        assertThat(usual.get("grid").asText()).isEqualTo("16x16");
        assertThat(usual.get("data").get("known").asBoolean()).isFalse();
        assertThat(usual.get("training").get("epochs").isNull()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({"rdpm, rdpm-tokenizer", "csdm, vqgan"})
    void knows_what_each_method_needs_of_its_tokens(String prior, String tokenizer) {
        Path recipes = Path.of("..", "recipes", "toy");
        JsonNode plan = json(
                "plan",
                recipes.resolve(prior + ".yaml"),
                "--tokenizer",
                recipes.resolve(tokenizer + ".yaml"),
                "--set",
                "training.batch=4",
                "--set",
                "training.steps=4");
        assertThat(plan.get("step").get("seconds").asDouble()).isPositive();
    }

    @Test
    void says_of_features_what_they_take() {
        Path recipe = world.write("features.yaml", """
                classifier: {size: 16, channels: 8, multipliers: [1, 2], shift: 1}
                training: {steps: 40, batch: 8, learning_rate: 5.0e-3, precision: fp32}
                """);
        JsonNode plan = json("plan", recipe, "--data", world.images());
        assertThat(plan.get("kind").asText()).isEqualTo("features");
        assertThat(plan.has("grid")).isFalse();
        assertThat(plan.get("step").get("whole").asBoolean()).isTrue();
        assertThat(json("plan", recipe).get("data").get("known").asBoolean()).isFalse();
    }

    @Test
    void finds_pictures_that_are_enlarged_cut_much_or_broken() throws IOException {
        Path images = world.images();
        Pictures.writePng(images.resolve("blue").resolve("small.png"), new Pixels(8, 12, new byte[3 * 8 * 12]));
        Pictures.writePng(images.resolve("blue").resolve("strip.png"), new Pixels(100, 20, new byte[3 * 100 * 20]));
        byte[] whole = Files.readAllBytes(images.resolve("blue").resolve("0.png"));
        Files.write(images.resolve("blue").resolve("cut.png"), Arrays.copyOf(whole, whole.length / 2));
        Files.writeString(images.resolve("blue").resolve("text.jpg"), "this is no picture");
        JsonNode data = json("plan", world.tokenizerRecipe(), "--data", images).get("data");
        assertThat(data.get("smaller").asInt()).isEqualTo(1);
        assertThat(data.get("enlargement").asDouble()).isEqualTo(2);
        assertThat(data.get("cut").asInt()).isEqualTo(1);
        assertThat(data.get("broken").asInt()).isEqualTo(2);
        assertThat(data.get("broken_examples").toString()).contains("blue/cut.png", "blue/text.jpg");

        Command text = Command.run("plan", world.tokenizerRecipe(), "--data", images);
        assertThat(text.code()).as(text.err()).isZero();
        assertThat(text.out())
                .contains("4x4 tokens of 16 codes", "1 are smaller", "up to 2.0 times", "1 would lose more than half")
                .contains("2 broken: training stops at them", "--skip-bad", "all else is calculated");
        assertThat(text.out().lines().count()).as("one screen").isLessThan(25);
    }

    @Test
    void the_device_and_keys_of_the_recipe_can_be_set() {
        JsonNode plan = json(
                "plan",
                world.tokenizerRecipe(),
                "--device",
                "cpu",
                "--set",
                "training.batch=2",
                "--set",
                "training.averaging=0");
        assertThat(plan.get("machine").get("device").asText()).isEqualTo("cpu");
        assertThat(plan.get("step").get("batch").asInt()).isEqualTo(2);
        assertThat(plan.get("checkpoint_bytes").asLong())
                .isEqualTo(12 * plan.get("parameters").asLong());
    }

    @Test
    void refuses_what_makes_no_sense() {
        Path recipe = world.tokenizerRecipe();
        Path images = world.images();
        refused(Command.run("plan", folder.resolve("none.yaml")), "none.yaml");
        refused(
                Command.run("plan", world.write("plan.yaml", "priors: []")),
                "one of the keys tokenizer, prior and classifier");
        refused(Command.run("plan", world.write("list.yaml", "[1, 2]")), "mapping of keys to values, got a list");
        refused(Command.run("plan", recipe, "--data", folder.resolve("none")), "does not exist");
        refused(Command.run("plan", recipe, "--tokens", folder.resolve("t")), "is trained on images", "give --data");
        refused(Command.run("plan", recipe, "--tokenizer", recipe), "is trained on images", "give --data");
        refused(Command.run("plan", recipe, "--data", images, "--tokens", images), "give one of them");
        refused(Command.run("plan", recipe, "--set", "training.batch=0"), "batch must be at least 1");
        refused(Command.run("plan", recipe, "--device", "tpu"), "device must be");
        refused(Command.run("plan", recipe, "--processes", 3), "evenly, got 3 processes");
        refused(Command.run("plan", recipe, "--processes", 0), "--processes must be at least 1, got 0");
        refused(Command.run("plan", world.priorRecipe(), "--data", images), "give --tokenizer");
        refused(Command.run("plan", world.priorRecipe(), "--tokenizer", folder.resolve("none")), "none");
        refused(Command.run("plan", Path.of("..", "recipes", "toy", "rdpm.yaml")), "in place of --tokens", "kind rdpm");
        refused(
                Command.run(
                        "plan", world.priorRecipe(), "--set", "prior.network={layers: 400, width: 8192, heads: 64}"),
                "million parameters",
                "smaller network");
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip().lines().filter(line -> line.startsWith("smalti: ")))
                .hasSize(1)
                .allSatisfy(line -> assertThat(line).contains(words));
    }

    private static JsonNode json(Object... arguments) {
        Command command = Command.run(
                Stream.concat(Arrays.stream(arguments), Stream.of("--json")).toArray());
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.sorted().toList();
        }
    }
}
