package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.job.EncodeImages;
import dev.smalti.job.EncodeImages.Views;
import dev.smalti.model.Opening;
import dev.smalti.run.TokenOutput.Target;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchService;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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
    void encodes_an_image_and_its_mirror_image() {
        Path both = fresh.resolve("both");
        Path plain = fresh.resolve("plain");
        Path mirrored = fresh.resolve("mirrored");
        Path left = wide(fresh.resolve("left"), false);
        run("encode", tokenizer, "--data", left, "--out", both, "--flip", "--batch", 3);
        run("encode", tokenizer, "--data", left, "--out", plain);
        run("encode", tokenizer, "--data", wide(fresh.resolve("right"), true), "--out", mirrored);
        try (TokenFile file = TokenFile.read(both);
                TokenFile once = TokenFile.read(plain);
                TokenFile other = TokenFile.read(mirrored)) {
            assertThat(file.copies()).isEqualTo(2);
            assertThat(file.metadata()).containsOnly(Map.entry("views", "2"), Map.entry("flip", "true"));
            assertThat(grids(file, 0, 2)).isDeepEqualTo(grids(once, 0, 1));
            assertThat(grids(file, 1, 2)).isDeepEqualTo(grids(other, 0, 1));
            assertThat(Tensors.toLongs(file.labels().orElseThrow()))
                    .containsExactly(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1);
        }
    }

    @Test
    void mirrors_no_image_of_an_upright_class() throws IOException {
        Path left = wide(fresh.resolve("left"), false);
        Path upright = fresh.resolve("upright");
        Path plain = fresh.resolve("plain");
        Path mirrored = fresh.resolve("mirrored");
        List<String> classes = names(left);
        run("encode", tokenizer, "--data", left, "--out", plain);
        run("encode", tokenizer, "--data", left, "--out", upright, "--flip", "--upright", classes.get(0));
        run("encode", tokenizer, "--data", left, "--out", mirrored, "--flip");
        try (TokenFile file = TokenFile.read(upright);
                TokenFile once = TokenFile.read(plain);
                TokenFile both = TokenFile.read(mirrored)) {
            assertThat(file.metadata()).containsEntry("upright", "[\"" + classes.get(0) + "\"]");
            long[][] second = grids(file, 1, 2);
            assertThat(Arrays.copyOfRange(second, 0, 3)).isDeepEqualTo(Arrays.copyOfRange(grids(once, 0, 1), 0, 3));
            assertThat(Arrays.copyOfRange(second, 3, 6)).isDeepEqualTo(Arrays.copyOfRange(grids(both, 1, 2), 3, 6));
            assertThat(second).isNotEqualTo(grids(both, 1, 2));
        }
        assertThat(Command.run(
                                "encode",
                                tokenizer,
                                "--data",
                                left,
                                "--out",
                                fresh.resolve("x"),
                                "--flip",
                                "--upright",
                                "x")
                        .err())
                .contains("upright names classes of " + left + ", and 'x' is none");
        assertThat(Command.run(
                                "encode",
                                tokenizer,
                                "--data",
                                left,
                                "--out",
                                fresh.resolve("x"),
                                "--upright",
                                classes.get(0))
                        .err())
                .contains("without flip none is");
    }

    @Test
    void encodes_views_that_depend_on_the_image_and_their_number_alone() throws IOException {
        Path wide = wide(fresh.resolve("wide"), false);
        Path four = fresh.resolve("four");
        Path again = fresh.resolve("again");
        Object[] views = {"--crop", "random", "--flip", "--views", 4};
        JsonNode facts = run(with(views, "encode", tokenizer, "--data", wide, "--out", four, "--json"))
                .json();
        assertThat(facts.get("views").asInt()).isEqualTo(4);
        assertThat(facts.get("images").asInt()).isEqualTo(6);
        JsonNode info = run("info", four, "--json").json();
        assertThat(info.get("copies").asInt()).isEqualTo(4);
        assertThat(info.get("metadata").get("crop").asText()).isEqualTo("random");
        run(with(views, "encode", tokenizer, "--data", wide, "--out", again, "--batch", 1, "--shard-size", 8));
        Path alone = fresh.resolve("alone");
        run("encode", tokenizer, "--data", wide, "--out", alone, "--crop", "random");
        try (TokenFile file = TokenFile.read(four);
                TokenFile one = TokenFile.read(alone);
                TokenFile other = TokenFile.read(again)) {
            assertThat(grids(file, 0, 4)).isDeepEqualTo(grids(one, 0, 1));
            assertThat(file.size()).isEqualTo(24);
            assertThat(other.fingerprint()).isEqualTo(file.fingerprint());
            for (int image = 0; image < 6; image++) {
                long[][] own = Arrays.copyOfRange(grids(file, 0, 1), 4 * image, 4 * image + 4);
                assertThat(Arrays.stream(own).map(Arrays::toString).distinct()).hasSizeGreaterThan(2);
            }
        }
    }

    @Test
    void goes_on_with_views_but_not_with_others() {
        Path resumed = fresh.resolve("resumed");
        Path plain = fresh.resolve("plain");
        Views views = new Views(2, null, true);
        job(plain, 0, false, 4, views).run(Observer.NONE);
        assertThatThrownBy(() -> job(resumed, 0, true, 4, views).run(LongEncodeTest::stopAfter20))
                .isInstanceOf(CancellationException.class);
        assertThatThrownBy(() -> job(resumed, 0, true, 4).run(Observer.NONE))
                .hasMessageContaining("of another request (other: flip, views)");
        assertThat(job(resumed, 0, true, 4, views).run(Observer.NONE).encoded()).isBetween(1L, 19L);
        assertThat(resumed).hasSameBinaryContentAs(plain);
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
        assertThatThrownBy(() -> new Views(1, null, true))
                .hasMessage("flip needs 2 views or more, of which every second is mirrored, got 1");
        assertThatThrownBy(() -> new Views(3, null, true))
                .hasMessageStartingWith("views must be 2 where no crop is random")
                .hasMessageContaining("got 3: give crop random");
        assertThat(Command.run("encode", tokenizer, "--data", images, "--out", fresh.resolve("x"), "--crop", "middle")
                        .err())
                .contains("--crop must be center or random, got middle");
        Command none =
                Command.run("encode", tokenizer, "--data", images, "--out", fresh.resolve("x"), "--shard-size", 0);
        assertThat(none.code()).isEqualTo(2);
        assertThat(none.err()).contains("--shard-size must be at least 1, got 0");
    }

    private static EncodeImages job(Path out, long shard, boolean resume, int batch) {
        return job(out, shard, resume, batch, Views.ONE);
    }

    private static EncodeImages job(Path out, long shard, boolean resume, int batch, Views views) {
        Target target = new Target(out, shard, resume);
        return new EncodeImages(tokenizer.toString(), images, target, batch, true, false, views, 1, Opening.on("cpu"));
    }

    /** Six images of 40 × 16 in two classes. */
    private static Path wide(Path folder, boolean mirrored) {
        for (int i = 0; i < 6; i++) {
            SplittableRandom random = new SplittableRandom(i);
            byte[] rgb = new byte[3 * 40 * 16];
            random.nextBytes(rgb);
            for (int y = 0; y < 16 && mirrored; y++) {
                for (int x = 0; x < 20; x++) {
                    for (int c = 0; c < 3; c++) {
                        int left = 3 * (40 * y + x) + c;
                        int right = 3 * (40 * y + 39 - x) + c;
                        byte kept = rgb[left];
                        rgb[left] = rgb[right];
                        rgb[right] = kept;
                    }
                }
            }
            Pictures.writePng(folder.resolve(i < 3 ? "a" : "b").resolve(i + ".png"), new Pixels(40, 16, rgb));
        }
        return folder;
    }

    /** The codes of every {@code step}-th grid from the {@code first} on. */
    private static long[][] grids(TokenFile file, int first, int step) {
        long length = file.space().size();
        long[] codes = Tensors.toLongs(file.codes());
        return IntStream.iterate(first, i -> i < file.size(), i -> i + step)
                .mapToObj(i -> Arrays.copyOfRange(codes, (int) (i * length), (int) ((i + 1) * length)))
                .toArray(long[][]::new);
    }

    private static Object[] with(Object[] last, Object... first) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(last)).toArray();
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
