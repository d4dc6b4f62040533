package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.refused;
import static dev.smalti.app.Command.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.job.GenerateImages;
import dev.smalti.job.GenerateImages.Format;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Work that is split between processes which share a folder alone, and shards. */
class PartsTest {
    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path tokenizer;
    private static Path model;
    private static Path images;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_what_encodes_and_draws() throws IOException {
        world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        model = world.prior("prior", world.tokens(tokenizer));
        images = folder.resolve("many");
        for (int i = 0; i < 30; i++) {
            String name = i % 2 == 0 ? "Red Stripe" : "blue";
            Pictures.writePng(images.resolve(name).resolve(100 + i + ".png"), TinyWorld.image(name, i));
        }
        Files.writeString(images.resolve("blue").resolve("105.png"), "broken");
    }

    @Test
    void parts_of_an_encoding_are_together_what_one_process_makes() throws IOException {
        Path parts = fresh.resolve("parts");
        Path whole = fresh.resolve("whole");
        done(encode(images, whole));
        assertThat(done(encode(images, parts, "--part", "2/3")).get("images").asInt())
                .isEqualTo(11); // one of three batches is broken
        refused(new Object[] {"info", parts}, "it has 1 of 3 parts, and 1, 3 are not there: make them with --part 1/3");
        done(encode(images, parts, "--part", "1/3"));
        done(encode(images, parts, "--part", "3/3"));

        List<String> names = names(parts);
        assertThat(names).hasSize(4);
        assertThat(names.get(0)).isEqualTo(".smalti-parts-of-0003.json");
        assertThat(names.get(1)).matches("part-0001-of-0003-[0-9a-f]{8}\\.safetensors");
        try (TokenFile joined = TokenFile.read(parts);
                TokenFile one = TokenFile.read(whole)) {
            assertThat(joined.size()).isEqualTo(2 * 29);
            assertThat(joined.fingerprint()).isEqualTo(one.fingerprint());
            assertThat(Tensors.toLongs(joined.codes().flatten()))
                    .isEqualTo(Tensors.toLongs(one.codes().flatten()));
        }
    }

    @Test
    void a_part_that_is_there_is_left_and_that_of_another_request_refused() throws IOException {
        Path parts = fresh.resolve("parts");
        done(encode(images, parts, "--part", "2/2"));
        Path file = parts.resolve(names(parts).get(1));
        byte[] before = Files.readAllBytes(file);
        JsonNode again = done(encode(images, parts, "--part", "2/2"));
        assertThat(again.get("encoded").asInt()).isZero();
        assertThat(again.get("images").asInt()).isEqualTo(13);
        assertThat(again.get("skipped").asInt()).isEqualTo(1);
        assertThat(file).hasBinaryContent(before);

        refused(encode(world.images(), parts, "--part", "2/2"), "parts of another request (other: data)");
        refused(encode(images, parts, "--part", "2/3"), "parts of another number", "2/3 is asked for");
        refused(encode(images, images, "--part", "1/2"), "holds something else than parts");
        refused(encode(images, parts, "--part", "2/9"), "8 batches of 4", "at most 8");
        refused(encode(images, parts, "--part", "0/2"), "I from 1 to N");
        refused(encode(images, parts, "--part", "1"), "such as 3/16");
        refused(encode(images, parts, "--part", "1/2", "--resume"), "goes without resume");
    }

    @Test
    void a_part_that_could_not_be_made_is_made_by_another_command() throws IOException {
        Path parts = fresh.resolve("parts");
        Object[] strict = encode(images, parts, "--part", "1/2");
        List<Object> kept = new ArrayList<>(List.of(strict));
        kept.remove("--skip-bad");
        refused(with(strict, "--upright", "grey"), "upright names classes");
        assertThat(parts).doesNotExist();
        done(with(kept.toArray(), "--upright", "Red Stripe")); // has no broken image
        kept.set(kept.indexOf("1/2"), "2/2");
        refused(with(kept.toArray(), "--upright", "Red Stripe"), "105.png");
        done(encode(images, parts, "--part", "2/2", "--upright", "Red Stripe"));
        try (TokenFile joined = TokenFile.read(parts)) {
            assertThat(joined.size()).isEqualTo(2 * 29);
        }
    }

    @Test
    void a_part_of_which_all_images_are_broken_is_done_without_them() throws IOException {
        Path some = fresh.resolve("some");
        for (int i = 0; i < 8; i++) {
            Path file = some.resolve(100 + i + ".png");
            Pictures.writePng(file, TinyWorld.image("blue", i));
            if (i >= 4) {
                Files.writeString(file, "broken");
            }
        }
        Path parts = fresh.resolve("parts");
        for (int again = 0; again < 2; again++) {
            JsonNode facts = done(encode(some, parts, "--part", "2/2"));
            assertThat(facts.get("images").asInt()).isZero();
            assertThat(facts.get("skipped").asInt()).isEqualTo(4);
        }
        done(encode(some, parts, "--part", "1/2"));
        try (TokenFile joined = TokenFile.read(parts)) {
            assertThat(joined.size()).isEqualTo(2 * 4);
        }
        assertThat(names(parts)).contains(".smalti-part-0002-of-0002.json").hasSize(3);
    }

    @ParameterizedTest
    @ValueSource(strings = {"png", "tokens", "webdataset"})
    void parts_of_a_draw_are_together_what_one_process_draws(String format) throws IOException {
        Path whole = fresh.resolve("whole");
        Path parts = fresh.resolve("parts");
        done(generate(whole, format));
        for (int part : new int[] {3, 1, 2}) {
            JsonNode facts = done(generate(parts, format, "--part", part + "/3"));
            assertThat(facts.get("count").asInt()).isEqualTo(part == 1 ? 6 : 7);
            if (part == 1) {
                refused(
                        format.equals("tokens")
                                ? new Object[] {"info", parts}
                                : new Object[] {"evaluate", "--real", parts, "--fake", parts},
                        "it has 2 of 3 parts, and 2 is not there");
            }
        }
        JsonNode again = done(generate(parts, format, "--part", "2/3", "--batch", 3));
        assertThat(again.get("images_per_second").asDouble()).isZero();
        refused(generate(parts, format, "--part", "2/3", "--seed", 8), "another request (other: seed)");
        if (format.equals("tokens")) {
            try (TokenFile joined = TokenFile.read(parts);
                    TokenFile one = TokenFile.read(whole)) {
                assertThat(joined.fingerprint()).isEqualTo(one.fingerprint());
            }
            return;
        }
        try (ImageSet joined = ImageSet.open(parts);
                ImageSet one = ImageSet.open(whole)) {
            assertThat(joined.size()).isEqualTo(20);
            assertThat(joined.fingerprint()).isEqualTo(one.fingerprint());
            for (int i = 0; i < 20; i++) {
                assertThat(joined.read(i).rgb()).isEqualTo(one.read(i).rgb());
                assertThat(joined.label(i)).isEqualTo(one.label(i));
            }
        }
        if (format.equals("png")) {
            List<String> made = new ArrayList<>(names(parts));
            made.removeIf(name -> name.startsWith(".smalti-part"));
            assertThat(made).isEqualTo(names(whole));
        } else {
            assertThat(names(parts))
                    .containsExactly(
                            ".smalti-parts-of-0003.json",
                            "part-0001-of-0003.tar",
                            "part-0002-of-0003.tar",
                            "part-0003-of-0003.tar");
        }
    }

    @Test
    void parts_of_a_draw_are_of_one_way_of_sampling_of_the_recipe() throws IOException {
        Path own = copied(model, fresh.resolve("model"));
        Path parts = fresh.resolve("parts");
        Object[] tokens = {"generate", own, "--out", parts, "--count", 4, "--format", "tokens", "--seed", 7};
        done(with(tokens, "--part", "1/2"));
        Path recipe = own.resolve("recipe.yaml");
        String text = Files.readString(recipe).replaceAll("(?m)^  sampling:.*(\n    .*)*\n", "");
        Files.writeString(recipe, text.replace("prior:\n", "prior:\n  sampling: {steps: 2}\n"));
        refused(with(tokens, "--part", "2/2"), "another request (other: recipe_sampling)");
    }

    /** What lies on the disk at a moment is what a process leaves that is killed then. */
    @ParameterizedTest
    @EnumSource(names = {"PNG", "TOKENS", "WEBDATASET"})
    void a_part_that_was_killed_is_made_again_and_leaves_nothing(Format format) throws IOException {
        Path first = Files.createDirectory(fresh.resolve("first"));
        List<Path> killed = new ArrayList<>();
        try (Model open = Model.open(model.toString(), "cpu")) {
            part(first.resolve("out"), format).run(open, phase -> {
                if (phase.done() >= 3L * killed.size()) {
                    killed.add(copied(first, fresh.resolve("killed-" + killed.size())));
                }
            });
            assertThat(killed).hasSizeGreaterThan(3);
            for (Path each : killed) {
                assertThat(part(each.resolve("out"), format)
                                .run(open, Observer.NONE)
                                .drawn())
                        .isEqualTo(10);
                assertThat(names(each)).isEqualTo(names(first));
                for (String name : names(first)) {
                    assertThat(each.resolve(name)).hasSameBinaryContentAs(first.resolve(name));
                }
            }
        }
    }

    private static GenerateImages part(Path out, Format format) {
        GenerateImages.Output output = new GenerateImages.Output(out, format, null, false, 0, new Part(2, 2));
        return new GenerateImages(
                model.toString(), Opening.on("cpu"), GenerateImages.Request.of(20, List.of(), 7), output, 3);
    }

    private static Path copied(Path from, Path to) {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path each :
                    all.filter(file -> !file.toString().endsWith(".lock")).toList()) {
                Files.copy(each, to.resolve(from.relativize(each)));
            }
            return to;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    @Tag("learning")
    void processes_at_once_share_a_folder_alone() throws Exception {
        Path parts = fresh.resolve("parts");
        List<Process> processes = new ArrayList<>();
        for (int part = 1; part <= 2; part++) {
            Path log = fresh.resolve(part + ".log");
            processes.add(Command.start(log, log, encode(images, parts, "--part", part + "/2")));
        }
        for (Process each : processes) {
            assertThat(each.waitFor(2, TimeUnit.MINUTES)).isTrue();
            assertThat(each.exitValue()).isZero();
        }
        done(encode(images, fresh.resolve("whole")));
        try (TokenFile joined = TokenFile.read(parts);
                TokenFile one = TokenFile.read(fresh.resolve("whole"))) {
            assertThat(joined.fingerprint()).isEqualTo(one.fingerprint());
        }
    }

    @Test
    void shards_of_a_draw_are_the_same_bytes_again_and_hold_what_pictures_do() throws IOException {
        Path pictures = fresh.resolve("pictures");
        Path shards = fresh.resolve("shards");
        Path again = Files.createDirectory(fresh.resolve("again"));
        done(generate(pictures, "png"));
        done(generate(shards, "webdataset", "--shard-size", 8));
        done(generate(again, "webdataset", "--shard-size", 8, "--batch", 3));
        assertThat(names(shards)).containsExactly("shard-000000.tar", "shard-000001.tar", "shard-000002.tar");
        for (String name : names(shards)) {
            assertThat(again.resolve(name)).hasSameBinaryContentAs(shards.resolve(name));
        }
        assertThat(Files.readString(shards.resolve("shard-000001.tar"), StandardCharsets.ISO_8859_1))
                .startsWith("00000008.png\0")
                .contains("00000008.cls\0", "00000015.json\0", "{\"number\":8,\"seed\":7,\"class\":\"");
        try (ImageSet read = ImageSet.open(shards);
                ImageSet drawn = ImageSet.open(pictures)) {
            assertThat(read.classNames()).isEqualTo(drawn.classNames());
            List<String> one = pixels(read);
            assertThat(one).containsExactlyInAnyOrderElementsOf(pixels(drawn));
        }
        refused(generate(shards, "webdataset"), "is not empty");
        refused(generate(fresh.resolve("x"), "webdataset", "--resume"), "resume needs");
        refused(generate(fresh.resolve("x"), "png", "--shard-size", 8), "shard-size is of the format webdataset");
        refused(generate(fresh.resolve("x"), "npz", "--part", "1/2"), "part needs the format");
        refused(generate(fresh.resolve("x"), "png", "--part", "1/21"), "20 images can't be drawn in 21 parts");
    }

    @Test
    void parts_of_an_evaluation_give_the_figures_of_one_process() throws IOException {
        Path features = classifier();
        Path real = pictures("real", 0);
        Path fake = pictures("fake", 500);
        Path parts = fresh.resolve("parts");
        Object[] asked = {"evaluate", "--real", real, "--fake", fake, "--features", features, "--skip-bad"};
        Path result = fresh.resolve("result.json");
        refused(with(asked, "--parts", parts), "must be a folder of parts");
        for (int part : new int[] {2, 3, 1}) {
            JsonNode facts = done(with(asked, "--out", parts, "--part", part + "/3"));
            assertThat(facts.get("real_images").asInt()).isEqualTo(part == 3 ? 36 : part == 1 ? 31 : 32);
            if (part == 3) {
                refused(with(asked, "--parts", parts), "it has 2 of 3 parts, and 1 is not there");
            }
        }
        JsonNode again = done(with(asked, "--out", parts, "--part", "1/3"));
        assertThat(again.get("there").asBoolean()).isTrue();
        assertThat(again.get("real_images").asInt()).isEqualTo(31);
        JsonNode whole = done(asked);
        JsonNode joined = done(with(asked, "--parts", parts, "--out", result));
        assertThat(joined.get("metrics")).isEqualTo(whole.get("metrics"));
        assertThat(joined.get("cached").asBoolean()).isFalse();
        assertThat(whole.get("metrics").has("accuracy")).isTrue();
        assertThat(joined.get("real")).isEqualTo(whole.get("real"));
        assertThat(joined.get("fake")).isEqualTo(whole.get("fake"));
        assertThat(joined.get("notices")).isEqualTo(whole.get("notices"));
        assertThat(result).exists();

        JsonNode fewer = done(with(asked, "--parts", parts, "--metrics", "frechet", "--resamples", 0));
        assertThat(fewer.get("metrics").get("frechet").get("value"))
                .isEqualTo(whole.get("metrics").get("frechet").get("value"));
        refused(with(asked, "--parts", parts, "--size", 8), "parts of another request (other: size)");
        refused(with(asked, "--parts", parts, "--metrics", "psnr"), "psnr is of no features");
        refused(with(asked, "--part", "1/2"), "give --out");
        refused(
                new Object[] {"evaluate", "--real", real, "--fake", model, "--out", parts, "--part", "1/3"},
                "draw them first, as by generate --part");
    }

    @Test
    void sums_are_enough_for_a_distance_without_an_interval() throws IOException {
        Path real = pictures("real", 0);
        Path fake = pictures("fake", 500);
        Path parts = fresh.resolve("parts");
        Object[] asked = {"evaluate", "--real", real, "--fake", fake, "--skip-bad"};
        Object[] distance = with(asked, "--metrics", "frechet", "--resamples", 0);
        for (int part = 1; part <= 6; part++) { // more than there are batches
            done(with(distance, "--out", parts, "--part", part + "/6"));
        }
        for (String name : names(parts).subList(1, 7)) {
            try (TensorFile file = TensorFile.open(parts.resolve(name))) {
                assertThat(file.names()).allMatch(each -> each.matches("(real|fake)\\.pool_(mean|scatter)"));
            }
        }
        double one = done(distance).get("metrics").get("frechet").get("value").asDouble();
        double joined = done(with(distance, "--parts", parts))
                .get("metrics")
                .get("frechet")
                .get("value")
                .asDouble();
        assertThat(joined).isCloseTo(one, withinPercentage(1e-4));
        refused(with(asked, "--parts", parts), "of another request (other: rows, spatial_rows)", "keep enough for");
    }

    private static Path classifier() {
        Path run = folder.resolve("features");
        Path recipe = world.write("features.yaml", """
            seed: 1
            data: {held_out: 0.2}
            classifier: {size: 16, channels: 8, multipliers: [1, 2], dropout: 0, shift: 1}
            training: {steps: 4, batch: 8, learning_rate: 5.0e-3, precision: fp32}
            """);
        done("train-features", recipe, "--data", world.images(), "--out", run);
        return run;
    }

    /** A hundred, one of them broken. */
    private static Path pictures(String name, int first) throws IOException {
        Path all = folder.resolve(name);
        for (int i = 0; i < 100; i++) {
            String kind = i < 50 ? "Red Stripe" : "blue";
            Pictures.writePng(all.resolve(kind).resolve(100 + i + ".png"), TinyWorld.image(kind, first + i));
        }
        Files.writeString(all.resolve("Red Stripe").resolve("107.png"), "broken");
        return all;
    }

    private static List<String> pixels(ImageSet set) {
        List<String> all = new ArrayList<>();
        for (int i = 0; i < set.size(); i++) {
            all.add(set.label(i) + " " + Arrays.hashCode(set.read(i).rgb()));
        }
        return all;
    }

    private static Object[] encode(Path data, Path out, Object... more) {
        return with(
                new Object[] {
                    "encode",
                    tokenizer,
                    "--data",
                    data,
                    "--out",
                    out,
                    "--batch",
                    4,
                    "--skip-bad",
                    "--crop",
                    "random",
                    "--views",
                    2,
                    "--flip"
                },
                more);
    }

    private static Object[] generate(Path out, String format, Object... more) {
        return with(
                new Object[] {"generate", model, "--out", out, "--count", 20, "--format", format, "--steps", 3},
                with(List.of(more).contains("--seed") ? new Object[0] : new Object[] {"--seed", 7}, more));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(Files::isRegularFile)
                    .map(each -> folder.relativize(each).toString())
                    .sorted()
                    .toList();
        }
    }
}
