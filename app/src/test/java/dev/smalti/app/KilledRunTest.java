package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class KilledRunTest {
    private static final String LONG = "training.steps=1000000";

    @TempDir
    private static Path folder;

    private static Path recipe;
    private static Path tokens;

    @BeforeAll
    static void encodes_images() {
        TinyWorld world = new TinyWorld(folder);
        recipe = world.priorRecipe();
        tokens = world.tokens(world.tokenizer());
    }

    @Test
    void leaves_a_checkpoint_on_sigterm_and_says_how_to_go_on() throws Exception {
        Path run = folder.resolve("terminated");
        Path out = folder.resolve("terminated.out");
        Process process = Command.start(
                out,
                folder.resolve("terminated.err"),
                "train-prior",
                recipe,
                "--tokens",
                tokens,
                "--out",
                run,
                "--set",
                LONG,
                "--set",
                "training.checkpoint_every=1000000",
                "--set",
                "training.log_every=1");
        awaitFile(run, "metrics.jsonl", process);
        process.destroy();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).isEqualTo(143);
        assertThat(Files.readString(out)).contains("stopped at step").contains("--resume");
        long step = Command.run("info", run, "--json").json().get("steps").asLong();
        assertThat(step).isPositive();
        Command resumed = Command.run(
                "train-prior",
                recipe,
                "--tokens",
                tokens,
                "--out",
                run,
                "--resume",
                "--set",
                "training.steps=" + (step + 2),
                "--json");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.json().get("items").asLong()).isEqualTo(2 * 4);
    }

    @Test
    void goes_on_after_a_kill_as_if_nothing_had_happened() throws Exception {
        Path run = folder.resolve("killed");
        Process process = Command.start(
                folder.resolve("killed.out"),
                folder.resolve("killed.err"),
                "train-prior",
                recipe,
                "--tokens",
                tokens,
                "--out",
                run,
                "--set",
                LONG);
        awaitFile(run, "checkpoint-", process);
        process.destroyForcibly();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        JsonNode info = Command.run("info", run, "--json").json();
        String all = "training.steps=" + (info.get("steps").asLong() + 4);
        Command resumed =
                Command.run("train-prior", recipe, "--tokens", tokens, "--out", run, "--resume", "--set", all);
        assertThat(resumed.code()).as(resumed.err()).isZero();
        Path whole = folder.resolve("whole");
        Command uninterrupted = Command.run("train-prior", recipe, "--tokens", tokens, "--out", whole, "--set", all);
        assertThat(uninterrupted.code()).as(uninterrupted.err()).isZero();
        assertThat(weights(run)).isEqualTo(weights(whole));
        try (Stream<Path> left = Files.list(run)) {
            assertThat(left).noneMatch(path -> path.toString().endsWith(".partial"));
        }
    }

    private static double weights(Path run) {
        String checkpoint =
                Command.run("info", run, "--json").json().get("checkpoint").asText();
        try (TensorFile file = TensorFile.open(run.resolve(checkpoint).resolve("weights.safetensors"))) {
            double sum = 0;
            for (String name : file.names()) {
                for (double value : Tensors.toDoubles(file.tensor(name))) {
                    sum = 31 * sum + value;
                    sum -= Math.rint(sum / 1e6) * 1e6;
                }
            }
            return sum;
        }
    }

    /** Waits until the run folder has a file whose name begins so. */
    private static void awaitFile(Path run, String start, Process process) throws IOException, InterruptedException {
        try (WatchService watch = FileSystems.getDefault().newWatchService()) {
            run.getParent().register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            boolean inside = false;
            while (!has(run, start)) {
                assertThat(process.isAlive()).as("the training runs").isTrue();
                if (!inside && Files.isDirectory(run)) {
                    run.register(watch, StandardWatchEventKinds.ENTRY_CREATE, StandardWatchEventKinds.ENTRY_MODIFY);
                    inside = true;
                }
                var key = watch.poll(1, TimeUnit.SECONDS);
                if (key != null) {
                    key.pollEvents();
                    key.reset();
                }
            }
        }
    }

    private static boolean has(Path run, String start) throws IOException {
        if (!Files.isDirectory(run)) {
            return false;
        }
        try (Stream<Path> files = Files.list(run)) {
            return files.anyMatch(file -> {
                String name = file.getFileName().toString();
                return name.startsWith(start)
                        && !name.endsWith(".partial")
                        && file.toFile().length() > 0;
            });
        }
    }
}
