package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.evaluate.EvaluationRequest;
import dev.smalti.evaluate.Fakes;
import dev.smalti.job.EvaluateImages;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Stopping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluateTest {
    @TempDir
    private static Path folder;

    private static Path images;
    private static Path noised;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void writes_images() {
        images = new TinyWorld(folder).images();
        noised = folder.resolve("noised");
        SplittableRandom random = new SplittableRandom(5);
        try (ImageSet set = ImageSet.open(images)) {
            for (int i = 0; i < set.size(); i++) {
                byte[] rgb = set.read(i).rgb().clone();
                int shift = random.nextInt(80);
                for (int j = 0; j < rgb.length; j++) {
                    rgb[j] = (byte) Math.min(255, (rgb[j] & 255) + shift + random.nextInt(60));
                }
                Pictures.writePng(noised.resolve("%02d.png".formatted(i)), new Pixels(16, 16, rgb));
            }
        }
    }

    @Test
    void finds_a_set_at_no_distance_from_itself_and_a_noised_one_farther() {
        JsonNode same = evaluate(images, images).get("metrics");
        assertThat(same.fieldNames())
                .toIterable()
                .containsExactly("frechet", "kernel", "precision", "recall", "density", "coverage");
        assertThat(value(same, "frechet")).isEqualTo(0, within(1e-9));
        for (String each : new String[] {"precision", "recall", "coverage"}) {
            assertThat(value(same, each)).as(each).isEqualTo(1);
        }
        JsonNode other = evaluate(images, noised).get("metrics");
        assertThat(value(other, "frechet")).isGreaterThan(0.1);
        assertThat(value(other, "kernel")).isGreaterThan(value(same, "kernel"));
        assertThat(value(other, "precision")).isLessThan(1);
        assertThat(other.get("frechet").get("interval_from").asText()).isEqualTo("100 resamples of the fake images");
        for (String each : new String[] {"precision", "recall", "density", "coverage"}) {
            JsonNode interval = other.get(each).get("interval_95");
            assertThat(value(other, each))
                    .as(each)
                    .isBetween(interval.get(0).asDouble(), interval.get(1).asDouble());
        }
        JsonNode interval = other.get("frechet").get("interval_95");
        assertThat(interval.get(0).asDouble()).isBetween(0.0, value(other, "frechet"));
        assertThat(interval.get(1).asDouble()).isGreaterThan(value(other, "frechet"));
    }

    @Test
    void balls_reach_as_far_as_neighbours_says_and_result_and_card_say_it() {
        JsonNode usual = evaluate(images, noised).get("metrics");
        JsonNode ones = evaluate(images, noised, "--neighbours", 1).get("metrics");
        assertThat(usual.get("precision").get("neighbours").asInt()).isEqualTo(3);
        assertThat(usual.get("coverage").get("neighbours").asInt()).isEqualTo(5);
        assertThat(usual.get("frechet").has("neighbours")).isFalse();
        for (String each : new String[] {"precision", "recall", "density", "coverage"}) {
            assertThat(ones.get(each).get("neighbours").asInt()).as(each).isEqualTo(1);
        }
        JsonNode all = evaluate(images, noised, "--neighbours", 11).get("metrics"); // each ball holds all of its set
        assertThat(value(all, "precision")).isGreaterThan(value(usual, "precision"));
        assertThat(run(images, noised, "--neighbours", 1).out()).contains("density (k = 1): ");
        refused(run(images, noised, "--neighbours", 0), "--neighbours", "0");
        refused(run(images, noised, "--neighbours", 99, "--metrics", "recall"), "recall needs at least 100 images");
    }

    @Test
    void tells_of_every_phase_and_stops_in_each_of_them() {
        Path out = fresh.resolve("result.json");
        Set<String> phases = new LinkedHashSet<>();
        job(out).run(phase -> {
            assertThat(phase.done()).as(phase.name()).isBetween(0L, phase.total());
            phases.add(phase.name());
        });
        assertThat(phases)
                .containsExactly(
                        "features of the real images",
                        "features of the fake images",
                        "frechet",
                        "interval of frechet",
                        "kernel",
                        "neighbours");
        assertThat(out).exists();
        for (String each : phases) {
            Path none = fresh.resolve("none.json");
            boolean[] stop = {false};
            Observer stopping = phase -> stop[0] |= phase.name().equals(each);
            assertThatThrownBy(() -> Stopping.run(
                            Stopping.when(() -> stop[0]), () -> job(none).run(stopping)))
                    .as(each)
                    .isInstanceOf(Stopping.StoppedWorkException.class);
            assertThat(none).doesNotExist();
        }
    }

    private static EvaluateImages job(Path out) {
        EvaluationRequest request = new EvaluationRequest(
                new EvaluationRequest.Real(images, null),
                new Fakes.Stored(noised),
                List.of(),
                null,
                null,
                null,
                new EvaluationRequest.Settings(0, 10, 0, 0, false, "cpu"));
        return new EvaluateImages(request, out, null);
    }

    @Test
    void says_what_the_numbers_depend_on() throws IOException {
        Path out = fresh.resolve("new").resolve("result.json");
        JsonNode json = evaluate(images, noised, "--seed", 3, "--resamples", 5, "--out", out);
        assertThat(new ObjectMapper().readTree(out.toFile())).isEqualTo(json);
        assertThat(json.get("real").get("images").asInt()).isEqualTo(12);
        assertThat(json.get("real").get("path").asText()).isEqualTo(images.toString());
        assertThat(json.get("real").get("fingerprint").asText()).hasSize(64);
        assertThat(json.get("fake").get("images").asInt()).isEqualTo(12);
        assertThat(json.get("fake").get("resized").asInt()).isZero();
        assertThat(json.get("size").asText()).isEqualTo("16x16");
        assertThat(json.get("resize").asText()).contains("bicubic");
        assertThat(json.get("features").get("name").asText()).isEqualTo("pixels-8x8");
        assertThat(json.get("features").get("dimension").asInt()).isEqualTo(192);
        assertThat(json.get("features").get("sha256").isNull()).isTrue();
        assertThat(json.get("seed").asInt()).isEqualTo(3);
        assertThat(json.get("resamples").asInt()).isEqualTo(5);
        assertThat(json.get("notices").toString()).contains("12 images in 192 dimensions", "no FID");
        assertThat(evaluate(images, noised, "--seed", 3, "--resamples", 5).get("metrics"))
                .isEqualTo(json.get("metrics"));
        Command card = run(images, noised, "--resamples", 0);
        assertThat(card.code()).as(card.err()).isZero();
        assertThat(card.out())
                .contains("12 images of " + noised, "16x16", "pixels-8x8", "frechet: ", "seed: 0", "no weights")
                .doesNotContain("95 %", "fid");
    }

    @Test
    void brings_images_of_other_sizes_to_one() {
        Path large = fresh.resolve("large");
        for (int i = 0; i < 6; i++) {
            byte[] rgb = new byte[3 * 40 * 20];
            new SplittableRandom(i).nextBytes(rgb);
            Pictures.writePng(large.resolve(i + ".png"), new Pixels(40, 20, rgb));
        }
        JsonNode json = evaluate(images, large);
        assertThat(json.get("size").asText()).isEqualTo("16x16");
        assertThat(json.get("fake").get("resized").asInt()).isEqualTo(6);
        assertThat(json.get("notices").toString()).doesNotContain("sizes");
        assertThat(json.get("real").get("resized").asInt()).isZero();
        assertThat(evaluate(images, large, "--size", 8)
                        .get("real")
                        .get("resized")
                        .asInt())
                .isEqualTo(12);
        Pictures.writePng(large.resolve("small.png"), TinyWorld.image("blue", 1));
        JsonNode mixed = evaluate(images, large, "--size", 16);
        assertThat(mixed.get("fake").get("sizes").asInt()).isEqualTo(2);
        assertThat(mixed.get("notices").toString()).contains("have 2 sizes; all were brought to 16x16");
    }

    @Test
    void compares_pairs() {
        JsonNode same = evaluate(images, images, "--metrics", "psnr,ssim").get("metrics");
        assertThat(same.fieldNames()).toIterable().containsExactly("psnr", "ssim");
        assertThat(value(same, "psnr")).isEqualTo(150);
        assertThat(value(same, "ssim")).isEqualTo(1, within(1e-9));
        assertThat(value(evaluate(images, noised, "--metrics", "psnr").get("metrics"), "psnr"))
                .isBetween(5.0, 40.0);
    }

    @Test
    void keeps_features_of_real_images() throws IOException {
        Path cache = fresh.resolve("cache");
        JsonNode first = evaluate(images, noised, "--cache", cache);
        JsonNode second = evaluate(images, noised, "--cache", cache);
        assertThat(first.get("cached").asBoolean()).isFalse();
        assertThat(second.get("cached").asBoolean()).isTrue();
        assertThat(second.get("metrics")).isEqualTo(first.get("metrics"));
        assertThat(second.get("real")).isEqualTo(first.get("real"));
        assertThat(evaluate(images, noised, "--cache", cache, "--size", 8)
                        .get("cached")
                        .asBoolean())
                .isFalse();
        try (Stream<Path> files = Files.list(cache)) {
            assertThat(files).hasSize(2);
        }
    }

    @Test
    void refuses_what_makes_no_sense() throws IOException {
        refused(
                run(images, noised, "--metrics", "frechett"),
                "frechett is unknown",
                "did you mean frechet?",
                "density");
        refused(run(images, noised, "--metrics", "fid"), "fid needs", "--features", "6726825d.pth");
        refused(run(images, noised, "--metrics", "score"), "score needs a classifier", "train-features");
        Path none = fresh.resolve("none.pth");
        refused(
                run(images, noised, "--features", none),
                "none.pth",
                "train-features",
                "weights-inception-2015-12-05-6726825d.pth");
        Path other = Files.writeString(fresh.resolve("other.pth"), "no weights");
        refused(run(images, noised, "--features", other), "other.pth");
        refused(run(images, noised, "--features", other, "--metrics", "frechet"), "ask for fid");
        Path two = fresh.resolve("two");
        for (int i = 0; i < 2; i++) {
            Pictures.writePng(two.resolve(i + ".png"), TinyWorld.image("blue", i));
        }
        refused(run(images, two, "--metrics", "precision"), "precision needs at least 4 images", "12 real and 2 fake");
        refused(run(images, two, "--metrics", "psnr"), "12 real and 2 fake");
        JsonNode few = evaluate(images, two).get("metrics");
        assertThat(few.fieldNames()).toIterable().containsExactly("frechet", "kernel");
        Path one = fresh.resolve("one");
        Pictures.writePng(one.resolve("a.png"), TinyWorld.image("blue", 1));
        refused(run(images, one), "at least 2 images", "1 fake");
        Files.writeString(one.resolve("b.png"), "no picture");
        refused(run(images, one), "b.png");
        refused(run(images, one, "--skip-bad"), "at least 2 images");
        refused(run(images, fresh.resolve("nothing")), "nothing", "does not exist");
        refused(run(images, noised, "--size", 12), "power of two", "12");
        refused(run(images, noised, "--resamples", 1), "resamples");
        refused(run(images, noised, "--out", fresh), "is a folder");
    }

    private static double value(JsonNode metrics, String name) {
        return metrics.get(name).get("value").asDouble();
    }

    private static JsonNode evaluate(Path real, Path fake, Object... more) {
        Command command = run(
                real,
                fake,
                Stream.concat(Arrays.stream(more), Stream.of("--json")).toArray());
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    private static Command run(Path real, Path fake, Object... more) {
        Object[] first = {"evaluate", "--real", real, "--fake", fake};
        return Command.run(
                Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray());
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }
}
