package dev.smalti.app;

import static dev.smalti.app.Command.done;
import static dev.smalti.app.Command.with;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareTokenizersTest {
    @TempDir
    private static Path folder;

    private static Path images;
    private static Path plan;
    private static Path out;
    private static JsonNode result;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void compares_two_tokenizers_of_which_one_is_trained_already_and_kept_its_best() throws IOException {
        TinyWorld world = new TinyWorld(folder);
        Path trained = world.tokenizer();
        Files.writeString(
                trained.resolve("best.json"),
                "{\"format\": 1, \"step\": 3, \"measure\": \"distortion\", \"value\": 1}");
        images = folder.resolve("images");
        plan = world.write("plan.yaml", """
                real: %1$s
                train: %1$s
                resamples: 4
                set: [training.steps=4, training.validate_every=2]
                tokenizers:
                  - {name: few, recipe: %2$s, set: [tokenizer.codebook.codes=8]}
                  - {name: mine, run: %3$s}
                """.formatted(images, world.tokenizerRecipe(), trained));
        out = folder.resolve("out");
        result = compare(out);
    }

    @Test
    void measures_what_comes_back_as_evaluate_does() {
        assertThat(result.get("complete").asBoolean()).isTrue();
        assertThat(result.get("computed").asInt()).isEqualTo(2);
        JsonNode few = result.get("tokenizers").get(0);
        JsonNode mine = result.get("tokenizers").get(1);
        assertThat(few.get("codes").asInt()).isEqualTo(8);
        assertThat(few.get("grid").asText()).isEqualTo("4x4");
        assertThat(few.get("steps").asInt()).isEqualTo(4);
        assertThat(few.get("curve")).hasSize(2);
        assertThat(few.path("checkpoint").isNumber()).isFalse();
        assertThat(mine.get("steps").asInt()).as("all of its training").isEqualTo(6);
        assertThat(mine.get("checkpoint").asInt()).as("what is measured").isEqualTo(3);
        assertThat(mine.get("taken").asBoolean()).isTrue();
        assertThat(mine.get("codes").asInt()).isEqualTo(16);
        JsonNode values = mine.get("measures").get("values");
        Command evaluate = Command.run(
                "evaluate", "--real", images, "--fake", folder.resolve("tokenizer"), "--resamples", 4, "--json");
        JsonNode metrics = evaluate.json().get("metrics");
        assertThat(values.fieldNames())
                .toIterable()
                .containsExactlyElementsOf(metrics::fieldNames)
                .contains("reconstruction_frechet", "psnr", "ssim", "codebook_usage", "perplexity");
        metrics.fieldNames().forEachRemaining(each -> assertThat(
                        values.get(each).get("value").asDouble())
                .as(each)
                .isCloseTo(metrics.get(each).get("value").asDouble(), within(1e-9)));
    }

    @Test
    void shows_them_in_a_table_plots_and_a_page() throws IOException {
        List<String> rows = Files.readAllLines(out.resolve("table.csv"));
        assertThat(rows).hasSize(3);
        assertThat(rows.get(0)).startsWith("tokenizer,kind,grid,codes,").contains("ssim,ssim_low,ssim_high");
        assertThat(rows.get(1)).startsWith("few,vqgan,4x4,8,");
        String page = Files.readString(out.resolve("index.html"));
        assertThat(page)
                .contains(
                        "2 tokenizers, side by side",
                        "<small>measured at 3</small>",
                        "training.steps=4",
                        "reconstruction frechet ↓",
                        "ssim ↑")
                .doesNotContain("<script", "http:", "https:");
        for (String linked : List.of("src=\"([^\"]*)\"", "href=\"([^\"]*)\"")) {
            Pattern.compile(linked).matcher(page).results().forEach(link -> assertThat(out.resolve(link.group(1)))
                    .exists());
        }
        assertThat(out.resolve("plots/returned.png")).exists();
        assertThat(out.resolve("plots/psnr.png")).exists();
        assertThat(out.resolve("plots/bits.png")).doesNotExist();
    }

    @Test
    void measures_and_trains_only_what_is_new() {
        assertThat(compare(out).get("computed").asInt()).isZero();
        Path recipe = folder.resolve("vqgan.yaml");
        String more = "tokenizers[1]={name: other, recipe: %s}".formatted(recipe);
        assertThat(compare(out, "--set", more).get("computed").asInt()).isEqualTo(1);
        assertThat(compare(out, "--set", "resamples=5").get("computed").asInt()).isEqualTo(2);
    }

    @Test
    void computes_in_the_precision_and_with_the_weights_that_are_asked_for() throws IOException {
        Path trained = folder.resolve("tokenizer");
        Object[] common = {"--set", "tokenizers=[{name: mine, run: %s}]".formatted(trained), "--device", "cpu"};
        JsonNode fine = compare(fresh, with(common, "--precision", "fp32"));
        JsonNode coarse = compare(fresh, with(common, "--precision", "bf16"));
        assertThat(coarse.get("computed").asInt()).isEqualTo(1);
        assertThat(psnr(fine)).isEqualTo(evaluated(trained, "fp32", "best")).isNotEqualTo(psnr(coarse));
        assertThat(psnr(coarse)).isEqualTo(evaluated(trained, "bf16", "best"));
        JsonNode last = compare(fresh, with(common, "--precision", "fp32", "--checkpoint", "last"));
        assertThat(last.get("tokenizers").get(0).path("checkpoint").isNumber()).isFalse();
        assertThat(psnr(last)).isEqualTo(evaluated(trained, "fp32", "last")).isNotEqualTo(psnr(fine));
        JsonNode again = compare(fresh, with(common, "--precision", "fp32"));
        assertThat(again.get("computed").asInt()).isZero();
        assertThat(again.get("tokenizers")).isEqualTo(fine.get("tokenizers"));
        try (Stream<Path> pictures = Files.list(fresh.resolve("grids"))) {
            assertThat(pictures).as("pictures of three").hasSize(3);
        }
    }

    private static double psnr(JsonNode compared) {
        JsonNode measures = compared.get("tokenizers").get(0).get("measures");
        return measures.get("values").get("psnr").get("value").asDouble();
    }

    private static double evaluated(Path run, String precision, String checkpoint) {
        Object[] command = {"evaluate", "--real", images, "--fake", run, "--metrics", "psnr", "--device", "cpu"};
        JsonNode metrics = done(with(command, "--precision", precision, "--checkpoint", checkpoint))
                .get("metrics");
        return metrics.get("psnr").get("value").asDouble();
    }

    @Test
    void refuses_in_one_line_before_anything_is_trained() {
        Path none = fresh.resolve("none");
        refused(none, "tokenizers[1].run=" + folder.resolve("images"), "is not a run folder");
        refused(none, "tokenizers[0].recipe=" + fresh.resolve("f.yaml"), "f.yaml does not exist");
        refused(none, "real=" + fresh.resolve("c"), "does not exist");
        String perceptual =
                "{name: seen, recipe: %s, set: [\"tokenizer.perceptual={kind: lpips, backbone: a.pth, linear: b.pth}\"]}"
                        .formatted(folder.resolve("vqgan.yaml"));
        refused(none, "tokenizers[1]=" + perceptual, "a.pth", "the perceptual loss needs");
        assertThat(none.resolve("runs/few")).doesNotExist();
        refused(out, "set=[training.steps=6]", "another recipe", "training.steps: 6, not 4", "new name");
    }

    private static void refused(Path out, String change, String... words) {
        Command command = Command.run("compare", plan, "--out", out, "--set", change);
        assertThat(command.code()).as(command.err()).isEqualTo(2);
        assertThat(command.out()).isEmpty();
        assertThat(command.err().strip()).hasLineCount(1).startsWith("smalti: ").contains(words);
    }

    private static JsonNode compare(Path out, Object... more) {
        Object[] first = {"compare", plan, "--out", out, "--json"};
        Command command = Command.run(with(first, more));
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }
}
