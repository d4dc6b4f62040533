package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NeighboursTest {
    @TempDir
    private static Path folder;

    private static Path images;
    private static Path tokenizer;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_a_tokenizer() {
        TinyWorld world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        images = folder.resolve("images");
    }

    @Test
    void finds_training_images_themselves_at_distance_0() throws IOException {
        for (Object[] by : new Object[][] {{"pixels"}, {"features"}, {"codes", "--model", tokenizer}}) {
            Path out = fresh.resolve(by[0] + ".png");
            JsonNode json = neighbours(images, images, out, and(by, "--count", 3));
            assertThat(json.get("samples").asInt()).isEqualTo(12);
            assertThat(json.get("images").asInt()).isEqualTo(12);
            assertThat(json.get("mean_distance").asDouble()).isZero();
            for (JsonNode each : json.get("nearest")) {
                JsonNode first = each.get("neighbours").get(0);
                assertThat(first.get("distance").asDouble()).isZero();
                if (by.length == 1) { // several images may have the same tokens
                    assertThat(first.get("name")).isEqualTo(each.get("sample"));
                }
                double[] distances = IntStream.range(0, 3)
                        .mapToDouble(i ->
                                each.get("neighbours").get(i).get("distance").asDouble())
                        .toArray();
                assertThat(distances).isSorted();
            }
            Pixels picture = Pixels.decode(Files.readAllBytes(out), "picture");
            assertThat(picture.width()).isEqualTo(2 * (4 * 16 + 3 * 2) + 8); // two columns of strips of four
            assertThat(picture.height()).isEqualTo(6 * 16 + 5 * 8);
        }
    }

    @Test
    void gives_the_distances_of_pixels_as_they_are_defined() throws IOException {
        Path samples = fresh.resolve("samples");
        Pictures.writePng(samples.resolve("a.png"), TinyWorld.image("blue", 77));
        JsonNode found = neighbours(samples, images, fresh.resolve("out.png"), new Object[] {"pixels", "--count", 20})
                .get("nearest")
                .get(0)
                .get("neighbours");
        assertThat(found).hasSize(12);
        Pixels sample = TinyWorld.image("blue", 77);
        double[] expected = new double[12];
        try (ImageSet set = ImageSet.open(images)) {
            for (int i = 0; i < 12; i++) {
                double sum = 0;
                Pixels image = set.read(i);
                for (int j = 0; j < 3 * 16 * 16; j++) {
                    double d = ((image.rgb()[j] & 255) - (sample.rgb()[j] & 255)) / 255.0;
                    sum += d * d;
                }
                expected[i] = Math.sqrt(sum / (3 * 16 * 16));
            }
        }
        Arrays.sort(expected);
        for (int i = 0; i < 12; i++) {
            assertThat(found.get(i).get("distance").asDouble()).isEqualTo(expected[i], within(1e-12));
            assertThat(found.get(i).get("name").asText()).contains(i < 6 ? "blue/" : "Red Stripe/");
        }
    }

    @Test
    void says_what_it_found_and_refuses_what_makes_no_sense() throws IOException {
        Command said = Command.run(
                "neighbours",
                "--samples",
                images,
                "--data",
                images,
                "--out",
                fresh.resolve("o.png"),
                "--by",
                "codes",
                "--model",
                tokenizer);
        assertThat(said.code()).as(said.err()).isZero();
        assertThat(said.out()).contains("12 images", "12 samples", "share of tokens that differ: 0.000 on average");
        Path out = fresh.resolve("p.png");
        refused(run(images, images, out, "codes"), "--model");
        refused(run(images, images, out, "pixels", "--model", tokenizer), "--by codes");
        refused(run(images, images, out, "pixels", "--count", 0), "count must be at least 1, got 0");
        refused(run(images, images, out, "lpips"), "--lpips with both files");
        refused(run(images, images, out, "pixels", "--lpips", "a.pth,b.pth"), "--by lpips");
        refused(run(images, images, out, "lpips", "--lpips", "a.pth"), "two files with a comma between", "got 1");
        refused(run(images, images, out, "lpips", "--lpips", "a.pth,b.pth"), "b.pth: there is no such file");
        refused(run(images, images, out, "colours"), "--by", "colours");
        refused(run(fresh.resolve("none"), images, out, "pixels"), "none", "does not exist");
        refused(run(images, images, fresh, "pixels"), "is a folder");
        Files.writeString(Files.createDirectories(fresh.resolve("bad")).resolve("a.png"), "no picture");
        refused(run(fresh.resolve("bad"), images, out, "pixels"), "a.png");
        refused(run(images, fresh.resolve("bad"), out, "pixels", "--skip-bad"), "bad");
        assertThat(out).doesNotExist();
    }

    private static JsonNode neighbours(Path samples, Path data, Path out, Object[] by) {
        Command command = run(samples, data, out, and(by, "--json"));
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }

    private static Command run(Path samples, Path data, Path out, Object... by) {
        return Command.run(
                and(new Object[] {"neighbours", "--samples", samples, "--data", data, "--out", out, "--by"}, by));
    }

    private static Object[] and(Object[] first, Object... more) {
        return Stream.concat(Arrays.stream(first), Arrays.stream(more)).toArray();
    }

    private static void refused(Command command, String... words) {
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }
}
