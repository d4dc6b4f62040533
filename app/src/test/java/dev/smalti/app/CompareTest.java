package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.compare.Compare;
import dev.smalti.compare.CompareResult;
import dev.smalti.run.Claim;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Observer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareTest {
    private static final String SWEEPS = "sweeps=[{steps: [1, 2]}]";

    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path plan;
    private static Path tokens;

    /** A finished comparison, which tests look at and add to. */
    private static Path out;

    private static JsonNode result;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void compares_two_priors() throws IOException {
        world = new TinyWorld(folder);
        tokens = world.tokens(world.tokenizer());
        Path absorbing = world.priorRecipe();
        Path raster = world.write(
                "raster.yaml", Files.readString(absorbing).replace("kind: absorbing", "kind: autoregressive"));
        plan = world.write("plan.yaml", """
                tokens: %1$s
                held_out: %1$s
                real: %2$s
                train: %2$s
                draws: 8
                resamples: 4
                set: [training.steps=4, training.validate_every=2]
                priors:
                  - {name: absorbing, recipe: %3$s}
                  - {name: raster, recipe: %4$s}
                sweeps: [{steps: [1, 2]}, {temperature: [0.5]}]
                """.formatted(tokens, folder.resolve("images"), absorbing, raster));
        out = folder.resolve("out");
        result = compare(out);
    }

    @Test
    void shows_what_was_measured_in_tables_plots_and_a_page() throws IOException {
        assertThat(result.get("complete").asBoolean()).isTrue();
        assertThat(result.get("priors")).hasSize(2);
        JsonNode absorbing = result.get("priors").get(0);
        assertThat(absorbing.get("kind").asText()).isEqualTo("absorbing");
        assertThat(absorbing.get("steps").asInt()).isEqualTo(4);
        assertThat(absorbing.get("curve")).hasSize(2);
        assertThat(absorbing.get("bits").get("exact").asBoolean()).isFalse();
        assertThat(absorbing.get("bits").get("interval").asDouble()).isPositive();
        assertThat(result.get("priors").get(1).get("bits").get("exact").asBoolean())
                .isTrue();
        JsonNode cell = absorbing.get("cells").get(1);
        assertThat(cell.get("setting").get("steps").asInt()).isEqualTo(2);
        assertThat(cell.get("steps").asInt()).isEqualTo(2);
        assertThat(cell.get("seconds_per_image").asDouble()).isPositive();
        assertThat(cell.get("passes").asDouble()).isBetween(1.0, 2.0);
        assertThat(cell.get("measures").get("images").asInt()).isEqualTo(8);
        JsonNode frechet = cell.get("measures").get("values").get("frechet");
        assertThat(frechet.get("low").asDouble())
                .isLessThan(frechet.get("value").asDouble());
        assertThat(result.get("references").findValuesAsText("name")).containsExactly("train", "tokenizer");
        assertThat(Files.readString(out.resolve("results.json")))
                .contains(frechet.get("value").asText());
        List<String> rows = Files.readAllLines(out.resolve("table.csv"));
        assertThat(rows).hasSize(1 + 6 + 2);
        assertThat(rows.get(2))
                .startsWith("absorbing,absorbing,")
                .contains(frechet.get("value").asText());
        String page = Files.readString(out.resolve("index.html"));
        assertThat(page)
                .contains("2 priors, side by side", "steps 2", "temperature 0.5", "pixels-8x8", "no FID")
                .contains("%.3f".formatted(absorbing.get("bits").get("mean").asDouble()))
                .doesNotContain("<script", "http:", "https:");
        for (String linked : List.of("src=\"([^\"]*)\"", "href=\"([^\"]*)\"")) {
            Pattern.compile(linked).matcher(page).results().forEach(link -> assertThat(out.resolve(link.group(1)))
                    .exists());
        }
        assertThat(names(out.resolve("plots"))).contains("steps.png", "seconds.png", "variety.png", "bits.png");
        assertThat(names(out.resolve("cells"))).noneMatch(name -> name.startsWith("drawn-"));
    }

    @Test
    void leaves_out_what_a_prior_cannot_do_and_says_why() throws IOException {
        JsonNode cells = result.get("priors").get(1).get("cells");
        assertThat(cells.get(0).get("skipped").asText()).contains("steps must be left out or");
        assertThat(cells.get(0).get("measures").isNull()).isTrue();
        assertThat(cells.get(2).get("skipped").isNull()).isTrue();
        assertThat(Files.readString(out.resolve("index.html"))).contains("left out: steps must be");
        assertThat(Files.readString(out.resolve("table.csv"))).contains("steps must be left out or");
    }

    @Test
    void does_not_take_a_fault_for_something_that_a_prior_cannot_do() {
        Observer faulty = phase -> {
            if (phase.name().contains("setting 1")) {
                throw new IllegalArgumentException("a fault");
            }
        };
        String mine = "priors=[{name: mine, run: %s}]".formatted(out.resolve("runs/absorbing"));
        Compare job = new Compare(plan, List.of(mine, SWEEPS), fresh.resolve("out"));
        assertThatThrownBy(() -> job.run(faulty, () -> false)).hasMessage("a fault");
    }

    @Test
    void measures_draws_as_evaluate_does_and_by_a_classifier_how_many_are_of_their_class() {
        Path recipe = world.write("features.yaml", """
                seed: 7
                data: {held_out: 0.1}
                classifier: {size: 16, channels: 8, multipliers: [1, 2]}
                training: {steps: 2, batch: 4, learning_rate: 1.0e-3, precision: fp32, log_every: 2, checkpoint_every: 2}
                """);
        Path features = fresh.resolve("features");
        assertThat(Command.run("train-features", recipe, "--data", folder.resolve("images"), "--out", features)
                        .code())
                .isZero();
        Path run = out.resolve("runs/absorbing");
        String mine = "priors=[{name: mine, run: %s}]".formatted(run);
        JsonNode compared = compare(
                fresh.resolve("out"), "--set", mine, "--set", "features=" + features, "--set", "sweeps=[{steps: [1]}]");
        Object[] same = {
            "evaluate", "--real", folder.resolve("images"), "--fake", run, "--features", features, "--count", 8
        };
        Command evaluate = Command.run(
                Stream.concat(Arrays.stream(same), Stream.of("--steps", 1, "--size", 16, "--resamples", 4, "--json"))
                        .toArray());
        JsonNode values = compared.get("priors")
                .get(0)
                .get("cells")
                .get(0)
                .get("measures")
                .get("values");
        JsonNode metrics = evaluate.json().get("metrics");
        assertThat(values.fieldNames())
                .toIterable()
                .contains("accuracy")
                .containsExactlyElementsOf(metrics::fieldNames);
        for (String each : List.of("accuracy", "frechet", "recall")) {
            assertThat(values.get(each).get("value"))
                    .as(each)
                    .isEqualTo(metrics.get(each).get("value"));
        }
        assertThat(compared.get("references")
                        .get(0)
                        .get("measures")
                        .get("values")
                        .has("accuracy"))
                .as("that of the training images")
                .isTrue();
    }

    @Test
    void computes_in_the_precision_and_with_the_weights_that_are_asked_for() {
        Path trained = world.prior("of-two", tokens); // with checkpoints of steps 3 and 6
        Object[] common = {
            "--set", "priors=[{name: mine, run: %s}]".formatted(trained), "--set", "sweeps=[{steps: [1]}]"
        };
        JsonNode fine = compare(fresh, with(common, "--precision", "fp32", "--device", "cpu"));
        JsonNode coarse = compare(fresh, with(common, "--precision", "bf16", "--device", "cpu"));
        assertThat(coarse.get("computed").asInt())
                .as("bits and draws, no reference")
                .isEqualTo(2);
        assertThat(bits(fine)).isEqualTo(likelihood(trained, "fp32", "last")).isNotEqualTo(bits(coarse));
        assertThat(bits(coarse)).isEqualTo(likelihood(trained, "bf16", "last"));
        assertThat(machine(fine)).contains("fp32");
        assertThat(machine(coarse)).contains("bf16");
        JsonNode early = compare(fresh, with(common, "--precision", "fp32", "--device", "cpu", "--checkpoint", 3));
        assertThat(early.get("priors").get(0).get("checkpoint").asInt()).isEqualTo(3);
        assertThat(bits(early)).isEqualTo(likelihood(trained, "fp32", "3")).isNotEqualTo(bits(fine));
        JsonNode again = compare(fresh, with(common, "--precision", "fp32", "--device", "cpu"));
        assertThat(again.get("computed").asInt()).isZero();
        assertThat(again.get("priors")).isEqualTo(fine.get("priors"));
    }

    private static double bits(JsonNode compared) {
        return compared.get("priors").get(0).get("bits").get("mean").asDouble();
    }

    private static double likelihood(Path run, String precision, String checkpoint) {
        Object[] command = {"likelihood", run, "--tokens", tokens, "--device", "cpu"};
        return done(with(command, "--precision", precision, "--checkpoint", checkpoint))
                .get("bits_per_token")
                .get("mean")
                .asDouble();
    }

    private static String machine(JsonNode compared) {
        return compared.get("priors").get(0).get("cells").get(0).get("machine").asText();
    }

    @Test
    void measures_nothing_again_and_only_what_is_new_in_a_changed_plan() throws IOException {
        Path copy = copied(out, fresh.resolve("copy"));
        Map<Path, FileTime> before = times(copy);
        JsonNode again = compare(copy);
        assertThat(again.get("computed").asInt()).isZero();
        assertThat(again.get("priors").get(0).get("cells"))
                .isEqualTo(result.get("priors").get(0).get("cells"));
        assertThat(times(copy)).isEqualTo(before);
        JsonNode more = compare(copy, "--set", "sweeps=[{steps: [1, 2, 3]}, {temperature: [0.5]}]");
        assertThat(more.get("computed").asInt()).as("three steps of one prior").isEqualTo(1);
        assertThat(times(copy)).containsAllEntriesOf(before);
        JsonNode seed = compare(copy, "--set", "seed=1", "--set", SWEEPS);
        assertThat(seed.get("computed").asInt())
                .as("bits of both, two settings of one")
                .isEqualTo(4);
    }

    @Test
    void goes_on_after_a_stop_bit_for_bit() throws IOException {
        Path part = fresh.resolve("part");
        boolean[] stop = {false};
        Observer afterThree = phase -> stop[0] |= phase.unit().equals("steps") && phase.done() >= 3;
        assertThat(new Compare(plan, List.of(SWEEPS), part).run(afterThree, () -> stop[0]))
                .isEmpty();
        Path run = part.resolve("runs").resolve("absorbing");
        assertThat(names(run)).contains("checkpoint-3").doesNotContain("checkpoint-4");
        assertThat(part.resolve("index.html")).doesNotExist();
        Optional<CompareResult> rest = new Compare(plan, List.of(SWEEPS), part).run(Observer.NONE, () -> false);
        assertThat(rest).isPresent();
        String weights = "checkpoint-4/weights.safetensors";
        assertThat(Files.mismatch(
                        run.resolve(weights), out.resolve("runs/absorbing").resolve(weights)))
                .isEqualTo(-1);
        assertThat(names(part.resolve("cells"))).isSubsetOf(names(out.resolve("cells")));
    }

    @Test
    void takes_a_run_that_was_trained_elsewhere_by_the_same_recipe() throws IOException {
        Path runs = Files.createDirectories(fresh.resolve("out").resolve("runs"));
        Path trained = world.prior("elsewhere", tokens, "training.steps=4", "training.validate_every=2");
        copied(trained, runs.resolve("absorbing"));
        FileTime before = Files.getLastModifiedTime(runs.resolve("absorbing/metrics.jsonl"));
        String both = "priors=[{name: absorbing, recipe: %s}, {name: mine, run: %s}]"
                .formatted(folder.resolve("absorbing.yaml"), trained);
        JsonNode taken = compare(fresh.resolve("out"), "--set", both, "--set", SWEEPS);
        assertThat(Files.getLastModifiedTime(runs.resolve("absorbing/metrics.jsonl")))
                .isEqualTo(before);
        assertThat(taken.get("priors").get(1).get("taken").asBoolean()).isTrue();
        assertThat(taken.get("priors").get(1).get("bits"))
                .isEqualTo(taken.get("priors").get(0).get("bits"));
        assertThat(names(runs)).containsExactly("absorbing");
    }

    @Test
    void draws_from_the_best_of_a_run_that_patience_has_ended_and_trains_it_no_further() throws IOException {
        Path patient = fresh.resolve("out");
        String one = "priors=[{name: absorbing, recipe: %s}]".formatted(folder.resolve("absorbing.yaml"));
        String still = "set=[training.learning_rate=1e-30, training.validate_every=1, training.patience=2]";
        JsonNode first = compare(patient, "--set", one, "--set", still, "--set", SWEEPS);
        assertThat(first.get("complete").asBoolean()).isTrue();
        JsonNode prior = first.get("priors").get(0);
        assertThat(prior.get("steps").asInt()).isEqualTo(3);
        assertThat(prior.get("checkpoint").asInt()).isEqualTo(1);
        Path log = patient.resolve("runs/absorbing/metrics.jsonl");
        FileTime before = Files.getLastModifiedTime(log);
        JsonNode second = compare(patient, "--set", one, "--set", still, "--set", SWEEPS);
        assertThat(second.get("computed").asInt()).isZero();
        assertThat(Files.getLastModifiedTime(log)).isEqualTo(before);
    }

    @Test
    void leaves_a_prior_to_the_process_that_holds_it() throws IOException {
        Path copy = copied(out, fresh.resolve("copy"));
        Path left = Files.writeString(copy.resolve("cells/drawn-raster.partial.npz"), "of a killed process");
        Path half = Files.writeString(
                AtomicFile.of(copy.resolve("cells/raster-1.json")).path(), "of a killed process");
        Path lock = copy.resolve("locks/raster");
        try (Claim held = Claim.of(copy, lock)) {
            JsonNode others = compare(copy);
            assertThat(left).doesNotExist();
            assertThat(half).doesNotExist();
            assertThat(others.get("complete").asBoolean()).isFalse();
            assertThat(others.get("missing").get(0).asText()).isEqualTo("raster");
            assertThat(Files.readString(copy.resolve("index.html"))).contains("Not all is here yet");
        }
        assertThat(compare(copy).get("complete").asBoolean()).isTrue();
        try (Claim one = Claim.of(copy, lock);
                Claim other = Claim.of(copy, lock.resolveSibling("absorbing"))) {
            refused(copy, SWEEPS, "no prior that another process isn't at work on (this process already)");
        }
    }

    @Test
    void refuses_in_one_line_before_anything_is_trained() throws IOException {
        Path none = fresh.resolve("none");
        refused(none, "drows=3", "did you mean draws?");
        refused(none, "tokens=" + fresh.resolve("a.safetensors"), "a.safetensors");
        refused(none, "held_out=" + fresh.resolve("b.safetensors"), "b.safetensors");
        refused(none, "real=" + fresh.resolve("c"), "c", "does not exist");
        refused(none, "train=" + fresh.resolve("d"), "d", "does not exist");
        refused(none, "features=" + fresh.resolve("e"), "--features", "e");
        refused(none, "priors=[]", "at least one");
        refused(none, "priors[1].name=absorbing", "two are called absorbing");
        refused(none, "priors[1].recipe=" + fresh.resolve("f.yaml"), "f.yaml does not exist");
        refused(none, "priors[1]={name: mine, run: " + fresh.resolve("g") + "}", "g is not a run folder");
        refused(none, "set=[training.step=4]", "did you mean steps?");
        refused(none, "priors[1].set=[\"distillation={}\"]", "raster: a student", "train-prior --teacher", "run:");
        refused(none, "sweeps=[{steps: [0]}]", "steps must be at least 1");
        refused(none, "size=12", "power of two");
        refusedWith(none, "--precision", "fp8", "precision must be auto, fp32,", "got fp8");
        refusedWith(none, "--device", "gpu", "device must be auto, cpu,", "got gpu");
        refusedWith(none, "--checkpoint", "5", "a step of the training of absorbing, at most 4, got 5");
        refusedWith(none, "--checkpoint", "best", "best (which training.keep_best keeps)");
        assertThat(none.resolve("runs/absorbing")).doesNotExist();
        refused(out, "set=[training.steps=8]", "another recipe", "training.steps: 8, not 4", "new name");
        Path fewer = world.write("fewer.txt", "");
        refused(fewer, "draws=4", "fewer.txt is a file");
    }

    private static void refused(Path out, String change, String... words) {
        refusedWith(out, "--set", change, words);
    }

    private static void refusedWith(Path out, String option, String value, String... words) {
        Command command = Command.run("compare", plan, "--out", out, option, value);
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }

    private static JsonNode compare(Path out, Object... more) {
        Object[] first = {"compare", plan, "--out", out, "--json"};
        Command command = Command.run(with(first, more));
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    private static List<String> names(Path in) throws IOException {
        try (Stream<Path> files = Files.list(in)) {
            return files.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    /** Of measurements, grids and weights. */
    private static Map<Path, FileTime> times(Path in) throws IOException {
        Map<Path, FileTime> times = new TreeMap<>();
        for (String part : List.of("cells", "grids", "runs", "cache")) {
            try (Stream<Path> files = Files.walk(in.resolve(part))) {
                for (Path each : files.filter(Files::isRegularFile).toList()) {
                    times.put(each, Files.getLastModifiedTime(each));
                }
            }
        }
        return times;
    }

    private static Path copied(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            all.sorted(Comparator.naturalOrder()).forEach(each -> {
                try {
                    Files.copy(each, to.resolve(from.relativize(each).toString()));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
        return to;
    }
}
