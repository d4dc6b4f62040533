package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.GenerateImages.Format;
import dev.smalti.job.GenerateImages.Output;
import dev.smalti.job.GenerateImages.Request;
import dev.smalti.model.GridBatch;
import dev.smalti.model.Model;
import dev.smalti.run.Claim;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Scope;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Draws that are stopped and gone on with, and steps that are searched beforehand. */
class LongDrawTest {
    private static final int COUNT = 40; // more than one group of the decoder

    @TempDir
    private static Path folder;

    private static Path model;
    private static Path tokens;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_what_draws() {
        TinyWorld world = new TinyWorld(folder);
        tokens = world.tokens(world.tokenizer());
        model = world.prior("prior", tokens);
    }

    @Test
    void goes_on_where_it_was_stopped_and_comes_to_the_same_images() throws IOException {
        Path plain = fresh.resolve("plain");
        Path resumed = fresh.resolve("resumed");
        job(plain, false, 0).run(Observer.NONE);
        GenerateImages job = job(resumed, true, 0);
        assertThatThrownBy(() -> job.run(phase -> {
                    if (phase.done() > 30) {
                        throw new CancellationException("stopped");
                    }
                }))
                .isInstanceOf(CancellationException.class);
        assertThat(resumed).doesNotExist();
        long[] drawn = {0};
        assertThatThrownBy(() -> job(resumed, true, 1).run(Observer.NONE)).hasMessageContaining("of another request");
        job.run(phase -> drawn[0] = drawn[0] == 0 ? phase.done() : drawn[0]);
        assertThat(drawn[0]).as("images that were there at the first report").isGreaterThan(8);
        try (Stream<Path> files = Files.walk(plain)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                assertThat(resumed.resolve(plain.relativize(file))).hasSameBinaryContentAs(file);
            }
        }
        try (ImageSet set = ImageSet.open(resumed);
                Stream<Path> left = Files.list(fresh)) {
            assertThat(set.size()).isEqualTo(COUNT);
            assertThat(left.map(Path::getFileName).map(Path::toString)).containsExactlyInAnyOrder("plain", "resumed");
        }
        assertThatThrownBy(() -> new Output(fresh.resolve("x.npz"), Format.NPZ, null, true))
                .hasMessageContaining("resume needs the format png or tokens");
    }

    /** What lies on the disk at a moment is what a process leaves that is killed then. */
    @ParameterizedTest
    @EnumSource(names = {"PNG", "TOKENS"})
    void goes_on_from_whenever_it_was_killed(Format format) throws IOException {
        Path first = Files.createDirectory(fresh.resolve("first"));
        List<Path> killed = new ArrayList<>();
        try (Model open = Model.open(model.toString(), "cpu")) {
            drawn(first.resolve("out"), format).run(open, phase -> {
                if (phase.done() >= 9L * killed.size()) {
                    killed.add(copied(first, fresh.resolve("killed-" + killed.size())));
                }
            });
            assertThat(killed).hasSizeGreaterThan(3);
            for (Path each : killed) {
                drawn(each.resolve("out"), format).run(open, Observer.NONE);
                assertThat(names(each)).isEqualTo(names(first));
                for (String name : names(first)) {
                    if (Files.isRegularFile(first.resolve(name))) {
                        assertThat(each.resolve(name)).hasSameBinaryContentAs(first.resolve(name));
                    }
                }
            }
        }
    }

    private static GenerateImages drawn(Path out, Format format) {
        return format == Format.PNG ? job(out, true, 0) : tokens(out, true, 0);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.map(each -> folder.relativize(each).toString()).sorted().toList();
        }
    }

    private static Path copied(Path from, Path to) {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path each : all.toList()) {
                if (!each.toString().endsWith(".lock")) { // which must not be opened while it is held
                    Files.copy(each, to.resolve(from.relativize(each).toString()));
                }
            }
            return to;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void packs_and_searches_and_draws_an_array_one_at_a_time() throws IOException {
        Path packed = fresh.resolve("packed");
        Path array = fresh.resolve("array.npz");
        try (Claim pack = Claim.beside(packed);
                Claim draw = Claim.beside(array);
                Claim search = Claim.inside(model)) {
            refused("pack", model, "--out", packed);
            refused("generate", model, "--out", array, "--format", "npz");
            refused("search-steps", model, "--tokens", tokens);
        }
        assertThat(fresh).isEmptyDirectory();
        Files.createDirectories(AtomicFile.of(packed).path().resolve("tokenizer"));
        Files.writeString(AtomicFile.of(array).path(), "half an array");
        run("pack", model, "--out", packed);
        run("generate", model, "--out", array, "--format", "npz");
        assertThat(fresh.toFile().list()).containsExactlyInAnyOrder("packed", "array.npz");
        assertThat(packed.toFile().list())
                .containsExactlyInAnyOrder("checkpoint-6", "model.json", "provenance.json", "recipe.yaml", "tokenizer");
    }

    private static void refused(Object... arguments) {
        Command command = Command.run(arguments);
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.err()).contains(" is being worked on by this process already: wait until");
    }

    @Test
    void goes_on_with_tokens_too() throws IOException {
        Path plain = fresh.resolve("plain.safetensors");
        Path resumed = fresh.resolve("resumed.safetensors");
        assertThat(tokens(plain, false, 0).run(Observer.NONE).drawn()).isEqualTo(COUNT);
        assertThatThrownBy(() -> tokens(resumed, false, 0).run(LongDrawTest::stopAfter30))
                .isInstanceOf(CancellationException.class);
        try (Stream<Path> left = Files.list(fresh)) {
            assertThat(left).as("what stays without --resume").containsExactly(plain);
        }
        assertThatThrownBy(() -> tokens(resumed, true, 0).run(LongDrawTest::stopAfter30))
                .isInstanceOf(CancellationException.class);
        assertThat(resumed).doesNotExist();
        assertThatThrownBy(() -> tokens(resumed, true, 1).run(Observer.NONE))
                .hasMessageContaining("of another request (other: seed)");
        assertThat(tokens(resumed, true, 0).run(Observer.NONE).drawn()).isBetween(1, 12);
        assertThat(resumed).hasSameBinaryContentAs(plain);
        try (Stream<Path> left = Files.list(fresh)) {
            assertThat(left).containsExactlyInAnyOrder(plain, resumed);
        }
    }

    private static GenerateImages tokens(Path out, boolean resume, long seed) {
        return new GenerateImages(
                model.toString(),
                "cpu",
                new Request(COUNT, List.of(), seed, Sampling.USUAL, null),
                new Output(out, Format.TOKENS, null, resume),
                4);
    }

    private static void stopAfter30(Phase phase) {
        if (phase.done() > 30) {
            throw new CancellationException("stopped");
        }
    }

    private static GenerateImages job(Path out, boolean resume, long seed) {
        return new GenerateImages(
                model.toString(),
                "cpu",
                new Request(COUNT, List.of(), seed, Sampling.USUAL, null),
                new Output(out, Format.PNG, null, resume),
                4);
    }

    @Test
    void searches_the_times_of_few_steps_and_draws_by_them() throws IOException {
        Path many = fresh.resolve("many.safetensors");
        run("generate", model, "--out", many, "--count", 64, "--format", "tokens");
        Path before = fresh.resolve("before.safetensors");
        run("generate", model, "--out", before, "--count", 8, "--steps", 3, "--format", "tokens");
        JsonNode found = run("search-steps", model, "--tokens", many, "--steps", "3", "--shares", "16", "--json")
                .json();
        JsonNode three = found.get("3");
        assertThat(three.get("times")).hasSize(3);
        assertThat(three.get("times").get(0).asDouble()).isEqualTo(1);
        assertThat(three.get("bits_per_token").asDouble()).isPositive();
        assertThat(run("info", model, "--json")
                        .json()
                        .get("bits_per_token_in_steps")
                        .get("3")
                        .asDouble())
                .isEqualTo(three.get("bits_per_token").asDouble());
        Path after = fresh.resolve("after.safetensors");
        JsonNode facts = run(
                        "generate", model, "--out", after, "--count", 8, "--steps", 3, "--format", "tokens", "--json")
                .json();
        assertThat(facts.get("forward_passes_per_image").asDouble()).isBetween(1.0, 3.0);
        assertThat(three.get("times").get(1).asDouble())
                .as("other times than equal ones")
                .isNotEqualTo(10.0 / 16);
        assertThat(Files.mismatch(before, after)).as("other tokens").isNotEqualTo(-1);
        Path usual = fresh.resolve("usual.safetensors");
        String asUsual = "prior.sampling.steps=3";
        run("generate", model, "--out", usual, "--count", 8, "--set", asUsual, "--format", "tokens");
        assertThat(Files.mismatch(after, usual))
                .as("where three are the usual number too")
                .isEqualTo(-1);
        Path bound = fresh.resolve("bound.safetensors");
        run(
                "generate",
                model,
                "--out",
                bound,
                "--count",
                8,
                "--set",
                asUsual,
                "--entropy-bound",
                1,
                "--format",
                "tokens");
        Command few = Command.run("search-steps", model, "--tokens", before, "--steps", "3");
        assertThat(few.code()).isEqualTo(2);
        assertThat(few.err()).contains("must have at least 64 grids, got 8");
        Files.delete(model.resolve("steps.json"));
    }

    @Test
    void previews_what_is_being_drawn_and_stops_between_steps() {
        try (Model open = Model.open(model.toString(), "cpu")) {
            List<Pixels> seen = new ArrayList<>();
            List<Long> places = new ArrayList<>();
            long[] labels = new long[2];
            assertThatThrownBy(() -> Scope.free(() -> open.codes(
                            new GridBatch(labels, 0, 2, 0, Sampling.USUAL),
                            (done, of, xt) -> {
                                seen.addAll(open.preview(xt));
                                if (done == 3) {
                                    throw new CancellationException("enough");
                                }
                            },
                            (at, logProbabilities, codes) -> places.add(at.numel()))))
                    .isInstanceOf(CancellationException.class);
            assertThat(seen).hasSize(6).allMatch(each -> each.width() == 16 && each.height() == 16);
            assertThat(places).hasSizeLessThanOrEqualTo(3);
        }
    }

    private static Command run(Object... arguments) {
        Command command = Command.run(arguments);
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }
}
