package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.train.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class ProcessesTest {
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

        int ends(long seconds) throws InterruptedException, IOException {
            assertThat(process.waitFor(seconds, TimeUnit.SECONDS))
                    .as(Files.readString(err))
                    .isTrue();
            return process.exitValue();
        }

        /** Waits for the first checkpoint. */
        void trains(Path run) throws InterruptedException, IOException {
            while (Checkpoints.latest(run).isEmpty()) {
                assertThat(process.waitFor(100, TimeUnit.MILLISECONDS))
                        .as(Files.readString(err))
                        .isFalse();
            }
        }

        List<ProcessHandle> others() {
            return process.children().toList();
        }

        @Override
        public void close() {
            others().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    @Test
    void two_processes_leave_one_run_and_one_answer() throws Exception {
        Path run = folder.resolve("two");
        try (Started two = Started.of(run, "--processes", 2, "--json")) {
            assertThat(two.ends(60)).as(Files.readString(two.err())).isZero();
            assertThat(new Command(0, Files.readString(two.out()), "")
                            .json()
                            .get("steps")
                            .asLong())
                    .isEqualTo(6);
        }
        assertThat(Checkpoints.steps(run)).containsExactly(3L, 6L);
    }

    @Test
    void says_which_process_has_died_and_ends() throws Exception {
        Path run = folder.resolve("died");
        try (Started two = Started.of(run, "--processes", 2, "--set", LONG, "--set", "training.checkpoint_every=5")) {
            two.trains(run);
            List<ProcessHandle> others = two.others();
            assertThat(others).hasSize(1);
            others.get(0).destroyForcibly();
            assertThat(two.ends(30)).isEqualTo(1);
            assertThat(Files.readString(two.err()))
                    .contains("smalti: process 1 of 2, number " + others.get(0).pid()
                            + " of the system, ended with exit code 137")
                    .contains("the same command with --resume goes on from " + run);
        }
    }

    @Test
    void all_end_when_the_first_is_killed() throws Exception {
        Path run = folder.resolve("first");
        List<ProcessHandle> others = new ArrayList<>();
        try (Started two = Started.of(run, "--processes", 2, "--set", LONG)) {
            two.trains(run);
            others.addAll(two.others());
        }
        for (ProcessHandle each : others) {
            each.onExit().get(30, TimeUnit.SECONDS);
        }
        assertThat(others).isNotEmpty();
    }

    @Test
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
            while (!Files.exists(run.resolve("metrics.jsonl")) || Files.size(run.resolve("metrics.jsonl")) == 0) {
                assertThat(two.process().waitFor(100, TimeUnit.MILLISECONDS))
                        .as(Files.readString(two.err()))
                        .isFalse();
            }
            List<ProcessHandle> others = two.others();
            two.process().destroy();
            assertThat(two.ends(30)).isEqualTo(143);
            assertThat(Files.readString(two.out())).contains("stopped at step").contains("--resume");
            for (ProcessHandle each : others) {
                each.onExit().get(30, TimeUnit.SECONDS);
            }
        }
        assertThat(Checkpoints.latest(run)).isPresent();
    }

    @Test
    void refuses_what_processes_cannot_share() {
        Command refused = Command.run(training(folder.resolve("three"), "--processes", 3));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err().strip().lines().toList())
                .as(Arrays.toString(refused.err().split("\n")))
                .last()
                .asString()
                .contains("training.batch / training.accumulation (4 / 1)", "got 3 processes");
        Command.refused(training(folder.resolve("none"), "--processes", 0), "--processes must be at least 1, got 0");
    }
}
