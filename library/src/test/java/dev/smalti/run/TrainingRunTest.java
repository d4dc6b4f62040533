package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.Pixels;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.train.BestCheckpoint;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.EventFiles;
import dev.smalti.train.HeldOut;
import dev.smalti.train.MetricsFile;
import dev.smalti.train.Run;
import dev.smalti.train.TrainingConfiguration;
import dev.smalti.train.Watcher;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs of 16 steps whose held-out measure is written down beforehand: least at step 6, between two checkpoints. */
class TrainingRunTest {
    private static final BooleanSupplier NEVER = () -> false;
    private static final Map<Long, Double> MEASURES =
            Map.of(2L, 5.0, 4L, 4.0, 6L, 3.0, 8L, 6.0, 10L, 7.0, 12L, 3.0, 14L, 8.0, 16L, 9.0);

    private static final Map<Long, Path> RUNS = new TreeMap<>(); // with patience, stopped behind those steps

    private static final Pixels BLACK = new Pixels(2, 2, new byte[12]);

    @TempDir
    private static Path shared;

    private static Path whole; // all 16 steps, with the best
    private static Path ended; // by patience

    @TempDir
    private Path folder;

    @BeforeAll
    static void train() throws IOException {
        whole = shared.resolve("whole");
        run(whole, true, 0, NEVER);
        ended = shared.resolve("ended");
        run(ended, null, 3, NEVER);
        for (long step : new long[] {2, 4, 6}) {
            RUNS.put(step, shared.resolve("stopped-" + step));
            run(RUNS.get(step), true, 3, after(step));
        }
    }

    private Path copyOf(Path run) throws IOException {
        Path copy = folder.resolve("out");
        copy(run, copy);
        return copy;
    }

    private static void copy(Path run, Path copy) throws IOException {
        try (Stream<Path> files = Files.walk(run)) {
            for (Path each : files.toList()) {
                Files.copy(each, copy.resolve(run.relativize(each)));
            }
        }
    }

    @Test
    void keeps_the_best_checkpoint_beside_the_newest_and_opens_it() throws IOException {
        assertThat(Checkpoints.steps(whole)).containsExactly(6L, 16L);
        assertThat(new ObjectMapper().readTree(whole.resolve("best.json").toFile()))
                .hasToString("{\"format\":1,\"step\":6,\"measure\":\"cost\",\"value\":3.0}");
        assertThat(BestCheckpoint.of(whole)).contains(new BestCheckpoint(6, "cost", 3));
        assertThat(RunFolder.open(whole).checkpoint()).isEqualTo(whole.resolve("checkpoint-6"));
    }

    @Test
    void keeps_the_newest_alone_where_nothing_is_said() {
        Path out = folder.resolve("out");
        run(out, null, null, NEVER);
        assertThat(Checkpoints.steps(out)).containsExactly(16L);
        assertThat(out.resolve("best.json")).doesNotExist();
        assertThat(RunFolder.open(out).checkpoint()).isEqualTo(out.resolve("checkpoint-16"));
    }

    /** 8, 10 and 12 are no better than 6; 12 is as good. */
    @Test
    void ends_after_as_many_measures_as_its_patience_and_keeps_the_best() {
        Path out = folder.resolve("out");
        Run run = run(out, null, 3, NEVER);
        assertThat(run.step()).isEqualTo(12);
        assertThat(run.complete()).isTrue();
        assertThat(run.ended())
                .isEqualTo("held-out cost has not been below the 3.000 of step 6 in 3 measures (training.patience)");
        assertThat(Checkpoints.steps(out)).containsExactly(6L, 12L);
    }

    @Test
    void a_run_that_patience_has_ended_stays_as_it_is_when_resumed_and_goes_on_with_more_patience() throws IOException {
        Path out = copyOf(ended);
        Map<String, String> before = contents(out);

        Run again = run(out, true, 3, NEVER);
        assertThat(again.begun()).isEqualTo(12);
        assertThat(again.step()).isEqualTo(12);
        assertThat(again.ended()).contains("the 3.000 of step 6");
        assertThat(contents(out)).isEqualTo(before);

        Run rest = run(out, null, 0, NEVER); // and the best is kept as before
        assertThat(rest.begun()).isEqualTo(12);
        assertThat(rest.ended()).isNull();
        assertSame(out, whole);
    }

    @Test
    void a_run_that_has_kept_the_best_goes_on_to_without_being_told() throws IOException {
        Path out = folder.resolve("out");
        run(out, true, 0, after(4));
        run(out, null, null, NEVER);
        assertSame(out, whole);
    }

    /** What may be on the disk when a process is killed at the measure of a step. */
    private enum Kill {
        /** The checkpoint that the step may have had, and no more. */
        IN_THE_MEASURE,
        /** The checkpoint that is the best, not marked, and the former one marked. */
        BEFORE_THE_MARK,
        /** A mark half written. */
        IN_THE_MARK,
        /** The mark, and no line. */
        BEFORE_THE_LINE,
        /** The mark, and a part of the line. */
        IN_THE_LINE,
        /** All, and a checkpoint that was to be deleted. */
        BEFORE_PRUNING
    }

    /** Step 6 is one without a checkpoint of its own, 4 is one with. */
    @ParameterizedTest
    @EnumSource
    void a_run_that_is_killed_while_it_keeps_the_best_comes_to_the_same_bytes(Kill kill) throws IOException {
        for (long step : new long[] {4, 6}) {
            Path killed = killed(kill, step);
            try (Claim claim = RunFolder.claim(killed)) {
                run(killed, true, 3, NEVER);
            }
            assertSame(killed, ended);
        }
    }

    private Path killed(Kill kill, long step) throws IOException {
        Path killed = folder.resolve("killed-" + step);
        Path before = RUNS.get(step - 2); // stopped there, with a checkpoint
        if (kill == Kill.IN_THE_MEASURE) {
            copy(before, killed);
            assertThatThrownBy(() -> run(killed, true, 3, 0, new Written(step), NEVER))
                    .isInstanceOf(Killed.class);
            return killed;
        }
        copy(RUNS.get(step), killed);
        assertThat(BestCheckpoint.of(killed).orElseThrow().step()).isEqualTo(step);
        Path mark = killed.resolve("best.json");
        Path log = killed.resolve("metrics.jsonl");
        List<String> lines = Files.readAllLines(log);
        if (kill == Kill.BEFORE_PRUNING) {
            Path old = Files.createDirectory(killed.resolve("checkpoint-1"));
            Files.writeString(old.resolve("state.json"), "{}");
            return killed;
        }
        Files.write(log, lines.subList(0, lines.size() - 1));
        if (kill == Kill.IN_THE_LINE) {
            Files.writeString(log, "{\"step\":" + step + ",\"held", StandardOpenOption.APPEND);
        }
        if (kill == Kill.BEFORE_THE_MARK || kill == Kill.IN_THE_MARK) {
            Files.copy(before.resolve("best.json"), mark, StandardCopyOption.REPLACE_EXISTING);
        }
        if (kill == Kill.IN_THE_MARK) {
            Files.writeString(AtomicFile.of(mark).path(), "{\"format\"");
        }
        return killed;
    }

    @Test
    void measures_before_all_have_joined_the_training_decide_nothing() {
        Path out = folder.resolve("out");
        run(out, true, 3, 6, new Written(0), NEVER);
        assertThat(BestCheckpoint.of(out)).contains(new BestCheckpoint(12, "cost", 3));
        assertThat(Checkpoints.steps(out)).containsExactly(12L, 16L);
    }

    @Test
    void tells_tensorboard_what_it_measures_and_draws_across_a_stop() throws IOException {
        Path out = folder.resolve("out");
        Sheet sheet = new BlackSheet();
        for (BooleanSupplier stop : List.of(after(7), NEVER)) {
            Written written = new Written(0);
            training(out, forTensorboard(), 0, List.of(written), stop).run(TrainingRunTest::batch, written, sheet);
        }
        EventFiles events = EventFiles.of(out);
        assertThat(events.count()).isEqualTo(2);
        Map<String, Map<Long, Float>> logged = new TreeMap<>();
        MetricsFile.forEach(
                out.resolve("metrics.jsonl"), line -> line.properties().forEach(each -> {
                    if (!each.getKey().equals("step")) {
                        logged.computeIfAbsent(each.getKey(), key -> new TreeMap<>())
                                .put(line.get("step").asLong(), each.getValue().floatValue());
                    }
                }));
        assertThat(logged).containsKeys("squares.loss", "held_out.cost", "learning_rate");
        assertThat(events.scalars()).isEqualTo(logged);
        assertThat(events.images().get("preview").keySet()).containsExactly(4L, 8L, 12L, 16L);
        assertThat(events.images().get("preview").get(16L))
                .isEqualTo(Files.readAllBytes(out.resolve("preview-16.png")));
    }

    @Test
    void leaves_no_event_files_where_none_are_asked_for() throws IOException {
        assertThat(EventFiles.of(whole).count()).isZero();
    }

    @Test
    void opens_the_newest_where_somebody_has_deleted_the_best() throws IOException {
        Path out = copyOf(whole);
        try (Stream<Path> files = Files.list(out.resolve("checkpoint-6"))) {
            for (Path each : files.toList()) {
                Files.delete(each);
            }
        }
        Files.delete(out.resolve("checkpoint-6"));
        assertThat(RunFolder.open(out).checkpoint()).isEqualTo(out.resolve("checkpoint-16"));
    }

    @Test
    void refuses_to_keep_the_best_of_what_is_not_measured() {
        assertThatThrownBy(() -> training(folder.resolve("out"), true, 0, 0, List.of(), NEVER)
                        .run(TrainingRunTest::batch, null, null))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("training.keep_best and training.patience go by held-out data")
                .hasMessageContaining("set held_out above 0");
        assertThatThrownBy(() -> configuration(null, -1)).hasMessage("patience must be at least 0, got -1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"best", "last", "6", "16"})
    void gives_the_checkpoint_that_is_asked_for(String which) {
        long step = which.equals("best") || which.equals("6") ? 6 : 16;
        assertThat(RunFolder.open(whole).at(which).checkpoint()).isEqualTo(whole.resolve("checkpoint-" + step));
    }

    @Test
    void lists_the_checkpoints_where_one_is_asked_for_that_is_not_there() {
        for (String which : List.of("200", "06", "-6", "newest", "")) {
            assertThatThrownBy(() -> RunFolder.open(whole).at(which))
                    .isInstanceOf(JobException.class)
                    .hasMessage("checkpoint must be auto, best, last or the step of one that is there, got " + which
                            + ": " + whole + " has 6 (the best), 16 (the last)");
        }
        Path plain = folder.resolve("plain");
        run(plain, false, 0, NEVER);
        assertThatThrownBy(() -> RunFolder.open(plain).at("best"))
                .hasMessage(plain + " has no best checkpoint, which training.keep_best keeps: give last or a step, of"
                        + " 16 (the last)");
        RunFolder empty = RunFolder.prepare(folder.resolve("empty"), description(), false);
        assertThatThrownBy(() -> empty.at("auto")).hasMessageContaining("has no checkpoint yet");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"format\": 2, \"step\": 6}", "{\"format\": 1, \"step\": \"6\"}", "{\"format\": 1", "[]"})
    void refuses_a_damaged_mark(String text) throws IOException {
        Path out = copyOf(whole);
        Files.writeString(out.resolve("best.json"), text);
        assertThatThrownBy(() -> RunFolder.open(out).checkpoint())
                .isInstanceOf(BadFileException.class)
                .hasMessageContaining("best.json");
    }

    @Test
    void knows_a_tokenizer_by_the_fingerprint_of_any_of_its_checkpoints() {
        RunFolder run = RunFolder.open(whole);
        String best = run.fingerprint();
        String last = run.at("last").fingerprint();
        assertThat(last).isNotEqualTo(best);
        assertThat(run.withFingerprint(best).orElseThrow().checkpoint()).isEqualTo(whole.resolve("checkpoint-6"));
        assertThat(run.withFingerprint(last).orElseThrow().checkpoint()).isEqualTo(whole.resolve("checkpoint-16"));
        assertThat(run.withFingerprint("0123456789abcdef")).isEmpty();
    }

    private static Run run(Path out, Boolean keepBest, Integer patience, BooleanSupplier stop) {
        return run(out, keepBest, patience, 0, new Written(0), stop);
    }

    private static Run run(
            Path out, Boolean keepBest, Integer patience, long joins, Written written, BooleanSupplier stop) {
        return training(out, keepBest, patience, joins, List.of(written), stop)
                .run(TrainingRunTest::batch, written, null);
    }

    private static TrainingRun<Tensor> training(
            Path out, Boolean keepBest, Integer patience, long joins, List<Watcher> watchers, BooleanSupplier stop) {
        return training(out, configuration(keepBest, patience), joins, watchers, stop);
    }

    private static TrainingRun<Tensor> training(
            Path out, TrainingConfiguration configuration, long joins, List<Watcher> watchers, BooleanSupplier stop) {
        return new TrainingRun<>(
                RunFolder.prepare(out, description(), true),
                new TokenizerRecipe(0L, null, TINY, configuration),
                Provenance.of(0, "none", "none", Map.of()),
                configuration,
                new Seed(1),
                Devices.cpu(),
                List.of(new Squares(joins)),
                watchers,
                stop);
    }

    /** What a recipe of a tokenizer can't do without; nothing here looks at it. */
    private static final VqganConfiguration TINY = new VqganConfiguration(
            8,
            4,
            List.of(1),
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            new CodebookConfiguration(16, 4, null, new CodebookConfiguration.Gradient(false)),
            new AdversarialConfiguration(0, 0.0, null, null, null, null, null),
            null,
            null,
            null);

    private static final class BlackSheet implements Sheet {
        @Override
        public int size() {
            return 4;
        }

        @Override
        public int columns() {
            return 2;
        }

        @Override
        public String unit() {
            return "pictures";
        }

        @Override
        public List<Pixels> pictures(int from, int to, LongConsumer progress) {
            return Collections.nCopies(to - from, BLACK);
        }
    }

    private static RunFolder.Description description() {
        return RunFolder.Description.tokenizer(new TokenSpace(16, 4, 4));
    }

    private static TrainingConfiguration configuration(Boolean keepBest, Integer patience) {
        return new TrainingConfiguration(
                16, 4, 0.05, null, null, null, null, null, 0.9, null, null, "fp32", "cpu", 3L, 2L, null, 0L, 4L, 1,
                keepBest, patience, null);
    }

    /** Another recipe key than those that the others are of. */
    private static TrainingConfiguration forTensorboard() {
        return new TrainingConfiguration(
                16, 4, 0.05, null, null, null, null, null, 0.9, null, null, "fp32", "cpu", 3L, 2L, null, 4L, 4L, 1,
                null, null, true);
    }

    private static Tensor batch(long number) {
        return Tensors.floats((float) Math.sin(number), (float) Math.cos(number), number);
    }

    /** Least squares of w to a batch [3]. */
    private static final class Squares implements Objective<Tensor> {
        private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
        private final Tensor weight = parameters.weight("w", Tensors.floats(0, 1, 2));
        private final long begins;

        Squares(long begins) {
            this.begins = begins;
        }

        @Override
        public String name() {
            return "squares";
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        @Override
        public long begins() {
            return begins;
        }

        @Override
        public Loss loss(Tensor batch, long step, Seed seed) {
            return new Loss(batch.sub(weight).pow(new Scalar(2)).mean(), Map.of());
        }
    }

    /** Gives what is written down for the step at which the run stands. */
    private static final class Written implements Watcher, HeldOut {
        private final long deadly; // at which the process dies in the measure; 0 for none
        private long step;

        Written(long deadly) {
            this.deadly = deadly;
        }

        @Override
        public void started(Run run) {
            step = run.step();
        }

        @Override
        public void stepped(Run run) {
            step = run.step();
        }

        @Override
        public int size() {
            return 7;
        }

        @Override
        public String unit() {
            return "numbers";
        }

        @Override
        public String decides() {
            return "cost";
        }

        @Override
        public Map<String, Double> measure(int count, LongConsumer progress) {
            if (step == deadly) {
                throw new Killed();
            }
            return Map.of("cost", MEASURES.get(step));
        }
    }

    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** Asked once before each step: stops before the one that follows so many. */
    private static BooleanSupplier after(long steps) {
        long[] asked = {0};
        return () -> asked[0]++ == steps;
    }

    private static void assertSame(Path one, Path other) throws IOException {
        assertThat(contents(one)).isEqualTo(contents(other));
    }

    /** All files but the plot, without times; the recipe says how long it was to go on. */
    private static Map<String, String> contents(Path run) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(run)) {
            for (Path each : files.filter(Files::isRegularFile).toList()) {
                String name = run.relativize(each).toString();
                if (!List.of("training.png", "provenance.json", "recipe.yaml").contains(name)) {
                    String text = new String(Files.readAllBytes(each), StandardCharsets.ISO_8859_1);
                    contents.put(name, text.replaceAll("\"(items_per_second|seconds)\":[^,}]*", ""));
                }
            }
        }
        return contents;
    }
}
