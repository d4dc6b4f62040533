package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which checkpoint a verb opens, in which precision: a tokenizer and a prior with those of step 3, marked as the best, and 6. */
class CheckpointTest {
    private static final String BEST = "{\"format\": 1, \"step\": 3, \"measure\": \"bits_per_token\", \"value\": 3.5}";

    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path tokenizer;
    private static Path tokens;
    private static Path prior;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_both() throws IOException {
        world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        Files.writeString(tokenizer.resolve("best.json"), BEST);
        tokens = world.tokens(tokenizer);
        prior = world.prior("prior", tokens);
        Files.writeString(prior.resolve("best.json"), BEST);
    }

    @Test
    void info_lists_them_and_says_which_is_the_best() {
        JsonNode facts = Command.run("info", prior, "--json").json();
        assertThat(facts.get("checkpoints")).hasToString("[3,6]");
        assertThat(facts.get("best_checkpoint")).hasToString("{\"step\":3,\"bits_per_token\":3.5}");
        assertThat(facts.get("steps").asLong()).isEqualTo(6);
        assertThat(Command.run("info", prior).out()).containsPattern("checkpoints +3, 6");
    }

    @ParameterizedTest
    @CsvSource({"auto, 3", "3, 3", "last, 6"})
    void measures_and_draws_with_the_weights_that_are_asked_for(String which, long step) throws IOException {
        String draws = fresh.resolve("draws.npz").toString();
        JsonNode bits = done("likelihood", prior, "--tokens", tokens, "--precision", "fp32", "--checkpoint", which);
        assertThat(bits.get("checkpoint").asLong()).isEqualTo(step);
        assertThat(bits.get("precision").asText()).isEqualTo("fp32");
        JsonNode drawn = done(
                "generate",
                prior,
                "--out",
                draws,
                "--format",
                "npz",
                "--count",
                2,
                "--precision",
                "fp32",
                "--checkpoint",
                which);
        assertThat(drawn.get("checkpoint").asLong()).isEqualTo(step);

        Path alone = copy(prior, "alone", step); // as if there had never been another
        JsonNode own = done("likelihood", alone, "--tokens", tokens, "--precision", "fp32");
        assertThat(bits.get("bits_per_token")).isEqualTo(own.get("bits_per_token"));
        Path draws2 = fresh.resolve("again.npz");
        done("generate", alone, "--out", draws2, "--format", "npz", "--count", 2, "--precision", "fp32");
        assertThat(Path.of(draws)).hasSameBinaryContentAs(draws2);
    }

    @Test
    void the_two_differ() {
        assertThat(done("likelihood", prior, "--tokens", tokens, "--checkpoint", 3)
                        .get("bits_per_token"))
                .isNotEqualTo(done("likelihood", prior, "--tokens", tokens, "--checkpoint", 6)
                        .get("bits_per_token"));
    }

    @Test
    void packs_the_best_or_another() {
        done("pack", prior, "--out", fresh.resolve("best"));
        done("pack", prior, "--out", fresh.resolve("last"), "--checkpoint", "last");
        assertThat(steps(fresh.resolve("best"))).isEqualTo("[3]");
        assertThat(steps(fresh.resolve("last"))).isEqualTo("[6]");
        assertThat(fresh.resolve("best/best.json")).doesNotExist();
    }

    private static String steps(Path run) {
        return Command.run("info", run, "--json").json().get("checkpoints").toString();
    }

    @Test
    void a_prior_of_tokens_of_another_checkpoint_carries_that_tokenizer() {
        Path encoded = fresh.resolve("last.safetensors");
        done("encode", tokenizer, "--data", folder.resolve("images"), "--out", encoded, "--checkpoint", "last");
        String last =
                Command.run("info", encoded, "--json").json().get("tokenizer").asText();
        String best =
                Command.run("info", tokens, "--json").json().get("tokenizer").asText();
        assertThat(last).isNotEqualTo(best);
        assertThat(Command.run("info", tokenizer, "--json")
                        .json()
                        .get("fingerprint")
                        .asText())
                .isEqualTo(best);
        Path run = fresh.resolve("run");
        done("train-prior", world.priorRecipe(), "--tokens", encoded, "--out", run);
        assertThat(steps(run.resolve("tokenizer"))).isEqualTo("[6]");
        assertThat(steps(prior.resolve("tokenizer"))).isEqualTo("[3]");
    }

    @Test
    void evaluates_what_was_drawn_or_reconstructed_by_the_one_that_is_asked_for() {
        Path images = folder.resolve("images");
        JsonNode draw = evaluated(prior, "--count", 4, "--precision", "fp32", "--checkpoint", "last")
                .get("draw");
        assertThat(draw.get("checkpoint").asLong()).isEqualTo(6);
        assertThat(draw.get("precision").asText()).isEqualTo("fp32");
        JsonNode usual = evaluated(tokenizer).get("fake").get("fingerprint");
        JsonNode last = evaluated(tokenizer, "--checkpoint", "last").get("fake").get("fingerprint");
        assertThat(last).isNotEqualTo(usual);
        refused(
                Command.run("evaluate", "--real", images, "--fake", images, "--checkpoint", "last"),
                "--checkpoint says how a model is opened, and --fake " + images + " is none");
    }

    private static JsonNode evaluated(Path fake, Object... options) {
        Object[] command = {"evaluate", "--real", folder.resolve("images"), "--fake", fake, "--metrics", "frechet"};
        Stream<Object> more = Stream.concat(Stream.of("--resamples", 0), Stream.of(options));
        return done(Stream.concat(Stream.of(command), more).toArray());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "generate",
                "edit",
                "likelihood",
                "search-steps",
                "encode",
                "evaluate",
                "neighbours",
                "compare",
                "pack",
                "demo"
            })
    void every_verb_lists_those_that_are_there_where_one_is_not(String verb) throws IOException {
        Path out = fresh.resolve("out.png");
        Path images = folder.resolve("images");
        Path image = images.resolve("blue/0.png");
        List<Object> command = new ArrayList<>(List.of(verb, "--checkpoint", 200));
        command.addAll(
                switch (verb) {
                    case "generate" -> List.of(prior, "--out", out);
                    case "edit" -> List.of(prior, "--out", out, "--image", image, "--mask", "0,0,8,8");
                    case "likelihood", "search-steps" -> List.of(prior, "--tokens", tokens);
                    case "encode" -> List.of(tokenizer, "--data", images, "--out", out);
                    case "evaluate" -> List.of("--real", images, "--fake", prior);
                    case "neighbours" ->
                        List.of(
                                "--samples",
                                images,
                                "--data",
                                images,
                                "--out",
                                out,
                                "--by",
                                "codes",
                                "--model",
                                tokenizer);
                    case "compare" -> List.of(plan(images), "--out", out);
                    case "demo" -> List.of("--out", out, "--model", prior);
                    default -> List.of(prior, "--out", out);
                });
        refused(
                Command.run(command.toArray()),
                "checkpoint must be auto, best, last or the step of one that is there, got 200",
                "has 3 (the best), 6 (the last)");
        if (!verb.equals("demo")) { // whose folder may have been there
            assertThat(out).doesNotExist();
        }
    }

    private static Path plan(Path real) {
        return world.write("plan.yaml", """
                real: %s
                priors: [{name: mine, run: %s}]
                """.formatted(real, prior));
    }

    @ParameterizedTest
    @CsvSource({"--checkpoint, last", "--precision, fp32"})
    void neighbours_by_pixels_open_no_model(String option, String value) {
        Path images = folder.resolve("images");
        refused(
                Command.run(
                        "neighbours",
                        "--samples",
                        images,
                        "--data",
                        images,
                        "--out",
                        fresh.resolve("out.png"),
                        option,
                        value),
                "--checkpoint and --precision say how the model of --by codes is opened: leave them out");
    }

    @Test
    void computes_in_the_precision_that_is_asked_for() {
        JsonNode coarse = done("likelihood", prior, "--tokens", tokens, "--precision", "bf16");
        assertThat(coarse.get("precision").asText()).isEqualTo("bf16");
        assertThat(coarse.get("bits_per_token"))
                .isNotEqualTo(done("likelihood", prior, "--tokens", tokens, "--precision", "fp32")
                        .get("bits_per_token"));
        refused(
                Command.run("likelihood", prior, "--tokens", tokens, "--precision", "fp8"),
                "precision must be auto, fp32,",
                "got fp8");
    }

    @Test
    void a_training_that_patience_ends_says_so_now_and_when_it_is_resumed() {
        Path run = fresh.resolve("run");
        Object[] command = {
            "train-prior",
            world.priorRecipe(),
            "--tokens",
            tokens,
            "--out",
            run,
            "--resume",
            "--set",
            "training.learning_rate=1e-30",
            "--set",
            "training.validate_every=1",
            "--set",
            "training.patience=2"
        };
        Command first = Command.run(command);
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.out())
                .contains("ended at step 3 of 6 after")
                .contains("held-out bits_per_token has not been below")
                .contains("of step 1 in 2 measures (training.patience)")
                .contains("weights in " + run.resolve("checkpoint-1"));
        Command second = Command.run(command);
        assertThat(second.code()).as(second.err()).isZero();
        assertThat(second.out())
                .contains("has ended at step 3 of 6", "nothing to do", "a larger training.patience goes on");
        assertThat(steps(run)).isEqualTo("[1,3]");
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).isEqualTo(2);
        assertThat(command.err()).contains(words);
    }

    /** A run with a single checkpoint. */
    private Path copy(Path run, String name, long step) throws IOException {
        Path copy = fresh.resolve(name);
        try (Stream<Path> files = Files.walk(run)) {
            for (Path each : files.filter(Files::isRegularFile).toList()) {
                String relative = run.relativize(each).toString();
                boolean other = relative.startsWith("checkpoint-") && !relative.startsWith("checkpoint-" + step);
                if (!other && !relative.equals("best.json")) {
                    Path target = copy.resolve(relative);
                    Files.createDirectories(target.getParent());
                    Files.copy(each, target);
                }
            }
        }
        return copy;
    }
}
