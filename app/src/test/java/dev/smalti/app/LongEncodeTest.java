package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.Pictures;
import dev.smalti.job.EncodeImages;
import dev.smalti.run.TokenOutput.Target;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Encodings that are stopped and gone on with, and those that are several files. */
class LongEncodeTest {
    private static final int COUNT = 40;

    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path tokenizer;
    private static Path images;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_a_tokenizer() throws IOException {
        world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        images = folder.resolve("many");
        for (int i = 0; i < COUNT; i++) {
            String name = i % 2 == 0 ? "Red Stripe" : "blue";
            Pictures.writePng(images.resolve(name).resolve(100 + i + ".png"), TinyWorld.image(name, i));
        }
        Files.writeString(images.resolve("blue").resolve("105.png"), "broken");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 7})
    void goes_on_where_it_was_stopped_and_comes_to_the_same_tokens(long shard) throws IOException {
        Path plain = fresh.resolve("plain");
        Path resumed = fresh.resolve("resumed");
        EncodeImages.Result all = job(plain, shard, false, 4).run(Observer.NONE);
        assertThat(all.images()).isEqualTo(COUNT - 1);
        assertThat(all.skipped()).isEqualTo(1);

        assertThatThrownBy(() -> job(resumed, shard, true, 4).run(LongEncodeTest::stopAfter20))
                .isInstanceOf(CancellationException.class);
        assertThat(resumed).doesNotExist();
        assertThatThrownBy(() -> job(resumed, shard, true, 5).run(Observer.NONE))
                .hasMessageContaining("of another request (other: batch)");
        EncodeImages.Result rest = job(resumed, shard, true, 4).run(Observer.NONE);
        assertThat(rest.encoded()).isBetween(1L, 19L);
        assertThat(rest.images()).isEqualTo(COUNT - 1);
        assertThat(rest.skipped()).isEqualTo(1);

        assertThat(names(fresh)).containsExactly("plain", "resumed");
        if (shard == 0) {
            assertThat(resumed).hasSameBinaryContentAs(plain);
        } else {
            assertThat(names(plain)).hasSize(6).isEqualTo(names(resumed));
            for (String name : names(plain)) {
                assertThat(resumed.resolve(name)).hasSameBinaryContentAs(plain.resolve(name));
            }
        }
    }

    @Test
    void leaves_nothing_when_it_is_stopped_and_not_to_be_gone_on_with() throws IOException {
        for (long shard : new long[] {0, 7}) {
            assertThatThrownBy(() -> job(fresh.resolve("out"), shard, false, 4).run(LongEncodeTest::stopAfter20))
                    .isInstanceOf(CancellationException.class);
        }
        assertThat(names(fresh)).isEmpty();
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void goes_on_after_a_kill() throws Exception {
        Path plain = fresh.resolve("plain.safetensors");
        Path killed = fresh.resolve("killed.safetensors");
        Object[] command = {
            "encode", tokenizer, "--data", images, "--skip-bad", "--batch", 1, "--resume", "--out", killed
        };
        Process process = Command.start(fresh.resolve("out"), fresh.resolve("err"), command);
        awaitFile(fresh.resolve(".killed.safetensors.part"), "state.json", killed, process);
        process.destroyForcibly();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        if (!Files.exists(killed)) { // it was killed in the middle, and not too late
            run(command);
        }
        run("encode", tokenizer, "--data", images, "--skip-bad", "--batch", 1, "--out", plain);
        assertThat(killed).hasSameBinaryContentAs(plain);
        assertThat(names(fresh)).containsExactly("err", "killed.safetensors", "out", "plain.safetensors");
    }

    @Test
    void trains_and_measures_on_several_files_as_on_one() throws IOException {
        Path one = fresh.resolve("one.safetensors");
        Path several = fresh.resolve("several");
        run("encode", tokenizer, "--data", images, "--skip-bad", "--out", one);
        JsonNode facts = run(
                        "encode",
                        tokenizer,
                        "--data",
                        images,
                        "--skip-bad",
                        "--out",
                        several,
                        "--shard-size",
                        16,
                        "--json")
                .json();
        assertThat(facts.get("images").asInt()).isEqualTo(COUNT - 1);
        Path first = world.prior("of-one", one);
        Path second = world.prior("of-several", several);
        for (String file : List.of("weights.safetensors", "optimizer.safetensors")) {
            assertThat(second.resolve("checkpoint-6").resolve(file))
                    .hasSameBinaryContentAs(first.resolve("checkpoint-6").resolve(file));
        }
        JsonNode whole = run("info", one, "--json").json();
        JsonNode info = run("info", several, "--json").json();
        assertThat(info.get("kind").asText()).isEqualTo("tokens");
        assertThat(info.get("files").asInt()).isEqualTo(3);
        for (String name : List.of("grids", "fingerprint", "codes_used", "grids_by_class", "tokenizer")) {
            assertThat(info.get(name)).as(name).isEqualTo(whole.get(name));
        }
        assertThat(run("info", several).out()).contains("files");
        assertThat(bits(first, several)).isEqualTo(bits(first, one));
        Command few = Command.run("search-steps", first, "--tokens", several, "--steps", 2);
        assertThat(few.err()).contains(several + " must have at least 64 grids, got 39");
    }

    @Test
    void refuses_files_of_two_tokenizers_by_name() throws IOException {
        Path several = fresh.resolve("several");
        run("encode", tokenizer, "--data", images, "--skip-bad", "--out", several, "--shard-size", 16);
        try (TokenFile file = TokenFile.read(several.resolve("00001.safetensors"));
                TokenFile other = TokenFile.of(file.codes(), file.codebookSize())
                        .labels(file.labels().orElseThrow())
                        .classNames(file.classNames())
                        .codebook(file.codebook().orElseThrow())
                        .tokenizer("another")
                        .build()) {
            other.write(several.resolve("00003.safetensors"));
        }
        Command refused =
                Command.run("train-prior", world.priorRecipe(), "--tokens", several, "--out", fresh.resolve("prior"));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("00000.safetensors and 00003.safetensors differ: tokenizer");
        Command empty =
                Command.run("train-prior", world.priorRecipe(), "--tokens", images, "--out", fresh.resolve("prior"));
        assertThat(empty.code()).isEqualTo(2);
        assertThat(empty.err()).contains(images + ": must be a token file or a folder of them");
    }

    @Test
    void refuses_what_does_not_go_together() {
        assertThatThrownBy(() -> new EncodeImages(
                        "run", images, new Target(fresh.resolve("x"), 0, true), 4, false, true, 1, "cpu"))
                .hasMessageContaining("resume can't go on with the measures of reconstruct");
        assertThatThrownBy(() -> new EncodeImages(
                        "run", images, new Target(fresh.resolve("x"), 5, false), 4, false, false, 2, "cpu"))
                .hasMessage("shard-size must be a multiple of the 2 grids of an image, which stay together, got 5");
        Command none =
                Command.run("encode", tokenizer, "--data", images, "--out", fresh.resolve("x"), "--shard-size", 0);
        assertThat(none.code()).isEqualTo(2);
        assertThat(none.err()).contains("--shard-size must be at least 1, got 0");
    }

    private static EncodeImages job(Path out, long shard, boolean resume, int batch) {
        return new EncodeImages(
                tokenizer.toString(), images, new Target(out, shard, resume), batch, true, false, 1, "cpu");
    }

    private static void stopAfter20(Phase phase) {
        if (phase.done() > 20) {
            throw new CancellationException("stopped");
        }
    }

    private static double bits(Path model, Path tokens) {
        return run("likelihood", model, "--tokens", tokens, "--json")
                .json()
                .get("bits_per_token")
                .get("mean")
                .asDouble();
    }

    private static Command run(Object... arguments) {
        Command command = Command.run(arguments);
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }

    /** Waits until the folder has such a file, or the result is there. */
    private static void awaitFile(Path part, String name, Path result, Process process)
            throws IOException, InterruptedException {
        try (WatchService watch = FileSystems.getDefault().newWatchService()) {
            part.getParent().register(watch, StandardWatchEventKinds.ENTRY_CREATE);
            boolean inside = false;
            while (true) {
                boolean alive = process.isAlive(); // before the look, or its end could lie between the two
                if (Files.exists(part.resolve(name)) || Files.exists(result)) {
                    return;
                }
                assertThat(alive).as("the encoding runs").isTrue();
                if (!inside && Files.isDirectory(part)) {
                    part.register(watch, StandardWatchEventKinds.ENTRY_CREATE);
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

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }
}
