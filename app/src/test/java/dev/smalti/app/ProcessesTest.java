package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class ProcessesTest {
    private static final long SECONDS = 180;
    private static final String LONG = "training.steps=1000000";

    @TempDir
    private static Path folder;

    private static Path recipe;
    private static Path tokens;

    @BeforeAll
    static void writes_tokens() {
        recipe = new TinyWorld(folder).priorRecipe();
        tokens = folder.resolve("tokens.safetensors");
        Scope.free(() -> {
            long[] codes = new SplittableRandom(1).longs(40 * 6, 0, 7).toArray();
            try (TokenFile file =
                    TokenFile.of(Tensors.longs(codes).view(40, 2, 3), 7).build()) {
                file.write(tokens);
            }
        });
    }

    private static Object[] training(Path run, Object... more) {
        return Command.with(new Object[] {"train-prior", recipe, "--tokens", tokens, "--out", run}, more);
    }

    /** A training in a process of its own, and what it says. */
    private record Started(Process process, Path out, Path err) implements AutoCloseable {
        static Started of(Path run, Object... more) throws IOException {
            Path out = folder.resolve(run.getFileName() + ".out");
            Path err = folder.resolve(run.getFileName() + ".err");
            return new Started(Command.start(out, err, training(run, more)), out, err);
        }

        int ends() throws InterruptedException, IOException {
            assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS))
                    .as(Files.readString(err))
                    .isTrue();
            return process.exitValue();
        }

        /** Waits for the first checkpoint. */
        void trains(Path run) throws InterruptedException, IOException {
            until(() -> Checkpoints.latest(run).isPresent());
        }

        /** Waits for what it does while it lives. */
        void until(BooleanSupplier done) throws InterruptedException, IOException {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
            while (!done.getAsBoolean()) {
                assertThat(process.waitFor(100, TimeUnit.MILLISECONDS) || System.nanoTime() > end)
                        .as(Files.readString(err))
                        .isFalse();
            }
        }

        List<ProcessHandle> others() {
            return process.children().toList();
        }

        @Override
        public void close() {
            List<ProcessHandle> others = others();
            process.destroyForcibly();
            others.forEach(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    void two_processes_leave_one_run_and_one_answer() throws Exception {
        Path run = folder.resolve("two");
        try (Started two = Started.of(run, "--processes", 2, "--json")) {
            assertThat(two.ends()).as(Files.readString(two.err())).isZero();
            assertThat(new Command(0, Files.readString(two.out()), "")
                            .json()
                            .get("steps")
                            .asLong())
                    .isEqualTo(6);
        }
        assertThat(Checkpoints.steps(run)).containsExactly(3L, 6L);
    }

    @Test
    @Tag("learning")
    void says_which_process_has_died_and_ends() throws Exception {
        says_which_has_died(1, 2);
    }

    @Test
    @Tag("learning")
    void says_which_of_three_has_died_and_not_who_has_lost_it() throws Exception {
        says_which_has_died(2, 3);
        says_which_has_died(1, 3);
    }

    private static void says_which_has_died(int rank, int of) throws Exception {
        Path run = folder.resolve("died-" + rank + "-" + of);
        try (Started all = Started.of(
                run,
                "--processes",
                of,
                "--set",
                LONG,
                "--set",
                "training.batch=" + 2 * of,
                "--set",
                "training.checkpoint_every=5")) {
            all.trains(run);
            List<ProcessHandle> others = all.others().stream()
                    .sorted(Comparator.comparing(ProcessHandle::pid)) // as they were started
                    .toList();
            assertThat(others).hasSize(of - 1);
            ProcessHandle one = others.get(rank - 1);
            one.destroyForcibly();
            assertThat(all.ends()).isEqualTo(1);
            assertThat(Files.readString(all.err()))
                    .contains(String.format(
                            Locale.ROOT,
                            "smalti: process %d of %d, number %d of the system, ended with exit code 137",
                            rank,
                            of,
                            one.pid()))
                    .contains("the same command with --resume goes on from " + run);
        }
    }

    @Test
    @Tag("learning")
    void all_end_when_the_first_is_killed() throws Exception {
        Path run = folder.resolve("first");
        List<ProcessHandle> others = List.of();
        try (Started two = Started.of(run, "--processes", 2, "--set", LONG)) {
            two.trains(run);
            others = two.others();
            assertThat(others).hasSize(1);
            two.process().destroyForcibly();
            for (ProcessHandle each : others) {
                each.onExit().get(SECONDS, TimeUnit.SECONDS);
            }
        } finally {
            others.forEach(ProcessHandle::destroyForcibly);
        }
    }

    @Test
    @Tag("learning")
    void all_stop_at_one_step_on_sigterm() throws Exception {
        Path run = folder.resolve("stopped");
        try (Started two = Started.of(
                run,
                "--processes",
                2,
                "--set",
                LONG,
                "--set",
                "training.checkpoint_every=1000000",
                "--set",
                "training.log_every=1")) {
            two.until(() -> run.resolve("metrics.jsonl").toFile().length() > 0);
            List<ProcessHandle> others = two.others();
            two.process().destroy();
            assertThat(two.ends()).isEqualTo(143);
            assertThat(Files.readString(two.out())).contains("stopped at step").contains("--resume");
            for (ProcessHandle each : others) {
                each.onExit().get(SECONDS, TimeUnit.SECONDS);
            }
        }
        assertThat(Checkpoints.latest(run)).isPresent();
    }

    @Test
    @Tag("learning")
    void a_tokenizer_that_processes_cannot_share_leaves_no_run() {
        TinyWorld world = new TinyWorld(folder);
        Path run = folder.resolve("shared-tokenizer");
        Command refused = Command.run(
                "train-tokenizer",
                world.tokenizerRecipe(),
                "--data",
                world.images(),
                "--out",
                run,
                "--processes",
                3,
                "--set",
                "training.batch=8");
        assertThat(refused.code()).as(refused.err()).isEqualTo(2);
        assertThat(refused.err()).contains("training.batch / training.accumulation (8 / 1)", "got 3 processes");
        assertThat(run.resolve("model.json")).doesNotExist();
    }

    @Test
    @Tag("learning")
    void a_process_that_fails_is_not_waited_for_though_nobody_asks_it() throws Exception {
        BlockingQueue<String> told = new LinkedBlockingQueue<>();
        try (Processes others = Processes.start(2, List.of("nonsense"))) {
            others.watch(told::add);
            assertThat(told.poll(SECONDS, TimeUnit.SECONDS))
                    .startsWith("process 1 of 2, number ")
                    .contains("ended with exit code 2: smalti: ", "nonsense");
        }
    }

    @Test
    @Tag("learning")
    void refuses_what_processes_cannot_share() {
        Command refused = Command.run(training(folder.resolve("odd"), "--processes", 2, "--set", "training.batch=3"));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err().strip().lines().toList())
                .as(Arrays.toString(refused.err().split("\n")))
                .last()
                .asString()
                .contains("training.batch / training.accumulation (3 / 1)", "got 2 processes");
        assertThat(folder.resolve("odd")).doesNotExist();
        Command.refused(training(folder.resolve("none"), "--processes", 0), "--processes must be at least 1, got 0");
    }
}
