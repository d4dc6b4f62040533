package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import dev.smalti.token.TokenFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WholeWayTest {
    @TempDir
    private static Path folder;

    private static Path images;
    private static Path tokenizer;
    private static Path tokens;
    private static Path model;
    private static Path unconditional;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_all_that_is_looked_at() {
        TinyWorld world = new TinyWorld(folder);
        tokenizer = world.tokenizer();
        images = folder.resolve("images");
        tokens = world.tokens(tokenizer);
        model = world.prior("prior", tokens);
        unconditional = world.prior("unconditional", tokens, "prior.conditional=false");
    }

    @Test
    void leaves_a_run_folder_with_all_that_it_should_hold() {
        for (Path run : List.of(tokenizer, model)) {
            assertThat(run.resolve("recipe.yaml")).exists();
            assertThat(run.resolve("provenance.json")).exists();
            assertThat(run.resolve("metrics.jsonl")).isNotEmptyFile();
            assertThat(run.resolve("checkpoint-6").resolve("averaged.safetensors"))
                    .exists();
            assertThat(run.resolve("preview-6.png")).exists();
        }
        assertThat(model.resolve("tokenizer").resolve("model.json")).exists();
    }

    @Test
    void refuses_to_train_over_a_run_and_resumes_a_complete_one() {
        Path recipe = folder.resolve("vqgan.yaml");
        Command again = Command.run("train-tokenizer", recipe, "--data", images, "--out", tokenizer);
        assertThat(again.code()).isEqualTo(2);
        assertThat(again.err()).contains("--resume");
        Command resumed =
                Command.run("train-tokenizer", recipe, "--data", images, "--out", tokenizer, "--resume", "--json");
        assertThat(resumed.code()).as(resumed.err()).isZero();
        assertThat(resumed.json().get("steps").asInt()).isEqualTo(6);
    }

    @Test
    void encodes_and_measures_what_comes_back() {
        Command encoded = Command.run(
                "encode",
                tokenizer,
                "--data",
                images,
                "--out",
                fresh.resolve("new").resolve("t.safetensors"),
                "--reconstruct",
                "--batch",
                5,
                "--json");
        assertThat(encoded.code()).as(encoded.err()).isZero();
        JsonNode json = encoded.json();
        assertThat(json.get("images").asInt()).isEqualTo(12);
        assertThat(json.get("psnr").asDouble()).isBetween(3.0, 60.0);
        assertThat(json.get("codebook_usage").asDouble()).isBetween(0.05, 1.0);
        try (TokenFile file = TokenFile.read(fresh.resolve("new").resolve("t.safetensors"))) {
            assertThat(file.classNames()).containsExactly("Red Stripe", "blue");
        }
    }

    @Test
    void writes_a_folder_of_png_that_can_be_read_as_data() throws IOException {
        Path out = fresh.resolve("drawn");
        Path grid = fresh.resolve("grid.png");
        Command drawn = Command.run("generate", model, "--out", out, "--count", 5, "--grid", grid, "--json");
        assertThat(drawn.code()).as(drawn.err()).isZero();
        JsonNode json = drawn.json();
        assertThat(json.get("count").asInt()).isEqualTo(5);
        assertThat(json.get("size").asText()).isEqualTo("16x16");
        assertThat(names(out)).hasSize(5).allMatch(name -> name.matches("(Red Stripe|blue)/0000[0-4]\\.png"));
        try (ImageSet set = ImageSet.open(out)) {
            assertThat(set.size()).isEqualTo(5);
            assertThat(set.classNames()).containsExactly("Red Stripe", "blue");
        }
        Pixels all = Pixels.decode(Files.readAllBytes(grid), "grid");
        assertThat(all.width()).isEqualTo(3 * 16 + 2 * 2);
        assertThat(all.height()).isEqualTo(2 * 16 + 2);
    }

    @Test
    void refuses_a_grid_among_the_images_or_under_the_name_of_another_format() {
        Path out = fresh.resolve("drawn");
        for (Path inside : List.of(out.resolve("grid.png"), out.resolve("a/../b/grid.png"))) {
            Command refused = Command.run("generate", unconditional, "--out", out, "--grid", inside);
            assertThat(refused.code()).isEqualTo(2);
            assertThat(refused.err()).contains("--grid " + inside + " must lie outside of --out " + out);
        }
        for (Object[] other : new Object[][] {
            {"generate", model, "--out", out, "--grid", fresh.resolve("drawn.jpg")},
            {"neighbours", "--samples", images, "--data", images, "--out", fresh.resolve("near.JPG")}
        }) {
            Command refused = Command.run(other);
            assertThat(refused.code()).isEqualTo(2);
            assertThat(refused.err()).contains("must end in .png");
        }
        assertThat(fresh).isEmptyDirectory();
    }

    @Test
    void draws_no_class_that_training_had_no_image_of() throws IOException {
        Path data = fresh.resolve("gaps.npz");
        try (NumpyFile.Writer writer = NumpyFile.writer(data, 12, 16, 16)) {
            for (int i = 0; i < 12; i++) {
                writer.add(TinyWorld.image("blue", i), new int[] {3, 7, 9}[i % 3]);
            }
            writer.finish();
        }
        Path found = fresh.resolve("tokens.safetensors");
        assertThat(notices(() -> ok(Command.run("encode", tokenizer, "--data", data, "--out", found))))
                .contains("7 of its 10 classes have no image, 0 for one");
        Path run = fresh.resolve("run");
        Object[] training = {
            "train-prior",
            folder.resolve("absorbing.yaml"),
            "--tokens",
            found,
            "--out",
            run,
            "--set",
            "training.steps=2"
        };
        assertThat(notices(() -> ok(Command.run(training)))).contains("7 of its 10 classes have no grid");
        Path drawn = fresh.resolve("drawn.safetensors");
        draw(run, drawn, "--count", 20, "--format", "tokens");
        try (TokenFile file = TokenFile.read(drawn)) {
            assertThat(file.occurring()).containsExactly(3, 7, 9);
            assertThat(file.classes()).isEqualTo(10);
        }
        assertThat(notices(() -> draw(run, fresh.resolve("four"), "--label", 4, "--count", 3)))
                .containsOnlyOnce("training had no grid of class 4");
        assertThat(names(fresh.resolve("four"))).hasSize(3).allMatch(name -> name.startsWith("4/"));
        assertThat(ok(Command.run("info", run, "--json"))
                        .json()
                        .get("classes_without_grids")
                        .asInt())
                .isEqualTo(7);

        Path packed = fresh.resolve("packed");
        ok(Command.run("pack", run, "--out", packed));
        draw(packed, fresh.resolve("packed.safetensors"), "--count", 20, "--format", "tokens");
        try (TokenFile file = TokenFile.read(fresh.resolve("packed.safetensors"))) {
            assertThat(file.occurring()).containsExactly(3, 7, 9);
        }

        Path description = run.resolve("model.json"); // of a version that didn't note classes
        Files.writeString(description, Files.readString(description).replaceFirst(",\\s*\"occurring\"[^]]*]", ""));
        draw(run, fresh.resolve("old.safetensors"), "--count", 20, "--format", "tokens");
        try (TokenFile file = TokenFile.read(fresh.resolve("old.safetensors"))) {
            assertThat(file.occurring()).hasSize(10);
        }
    }

    private static String notices(Runnable work) {
        PrintStream usual = System.err;
        ByteArrayOutputStream lines = new ByteArrayOutputStream();
        System.setErr(new PrintStream(lines, true, StandardCharsets.UTF_8));
        try {
            work.run();
        } finally {
            System.setErr(usual);
        }
        return lines.toString(StandardCharsets.UTF_8);
    }

    @Test
    void draws_the_same_for_the_same_seed_whatever_the_batch() throws IOException {
        Path one = fresh.resolve("one.npz");
        Path many = fresh.resolve("many.npz");
        Path other = fresh.resolve("other.npz");
        draw(model, one, "--format", "npz", "--count", 7, "--seed", 3, "--batch", 1, "--guidance", 1.5);
        draw(model, many, "--format", "npz", "--count", 7, "--seed", 3, "--batch", 4, "--guidance", 1.5);
        draw(model, other, "--format", "npz", "--count", 7, "--seed", 4, "--batch", 4, "--guidance", 1.5);
        assertThat(Files.mismatch(one, many)).as("seed 3").isEqualTo(-1);
        assertThat(Files.mismatch(one, other)).as("seeds 3 and 4").isNotEqualTo(-1);
        try (ImageSet set = NumpyFile.open(one)) {
            assertThat(set.size()).isEqualTo(7);
            assertThat(set.classNames()).hasSize(2);
            assertThat(set.read(0).width()).isEqualTo(16);
        }
    }

    @Test
    void draws_the_classes_that_are_named_in_turn() {
        Path out = fresh.resolve("t.safetensors");
        draw(model, out, "--format", "tokens", "--count", 3, "--label", "blue", "Red Stripe");
        try (TokenFile file = TokenFile.read(out);
                TokenFile trained = TokenFile.read(tokens)) {
            assertThat(file.size()).isEqualTo(3);
            assertThat(file.labels().orElseThrow().select(0, 0).item_long()).isEqualTo(1);
            assertThat(file.labels().orElseThrow().select(0, 1).item_long()).isEqualTo(0);
            assertThat(file.labels().orElseThrow().select(0, 2).item_long()).isEqualTo(1);
            assertThat(file.classNames()).isEqualTo(trained.classNames());
            assertThat(file.tokenizer()).isPresent().isEqualTo(trained.tokenizer());
            assertThat(file.codebook()).isPresent();
            assertThat(file.space()).isEqualTo(trained.space());
        }
    }

    @Test
    void draws_without_classes_into_one_folder() throws IOException {
        Path out = Files.createDirectories(fresh.resolve("empty"));
        draw(unconditional, out, "--count", 2, "--steps", 4, "--temperature", 0.9, "--top-k", 5, "--top-p", 0.9);
        assertThat(names(out)).containsExactlyInAnyOrder("00000.png", "00001.png");
        Path npz = fresh.resolve("u.npz");
        draw(unconditional, npz, "--count", 2, "--format", "npz");
        try (ImageSet set = NumpyFile.open(npz)) {
            assertThat(set.classNames()).isEmpty();
        }
    }

    @Test
    void draws_tokens_alone_where_there_is_no_tokenizer() {
        Path bare = fresh.resolve("bare");
        Command trained = Command.run(
                "train-prior", folder.resolve("absorbing.yaml"), "--tokens", tokensOfUnknownOrigin(), "--out", bare);
        assertThat(trained.code()).as(trained.err()).isZero();
        Command refused = Command.run("generate", bare, "--out", fresh.resolve("images"));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("--format tokens");
        assertThat(fresh.resolve("images")).doesNotExist();
        draw(bare, fresh.resolve("bare.safetensors"), "--format", "tokens", "--count", 2);
    }

    private Path tokensOfUnknownOrigin() {
        Path out = fresh.resolve("unknown.safetensors");
        try (TokenFile file = TokenFile.read(tokens);
                TokenFile bare = TokenFile.of(file.codes(), file.codebookSize()).build()) {
            bare.write(out);
        }
        return out;
    }

    @Test
    void measures_the_likelihood_of_tokens_and_of_images() {
        JsonNode ofTokens = ok(Command.run("likelihood", model, "--tokens", tokens, "--repeats", 2, "--json"))
                .json();
        assertThat(ofTokens.get("bits_per_token").get("mean").asDouble()).isBetween(0.5, 12.0);
        assertThat(ofTokens.get("bits_per_dimension").isNull()).isTrue();
        JsonNode ofImages =
                ok(Command.run("likelihood", model, "--data", images, "--json")).json();
        assertThat(ofImages.get("grids").asInt()).isEqualTo(12);
        assertThat(ofImages.get("bits_per_dimension").get("mean").asDouble()).isPositive();
        assertThat(ok(Command.run("likelihood", model, "--tokens", tokens)).out())
                .contains("bits per token");
    }

    @Test
    void says_what_a_path_is() {
        assertThat(ok(Command.run("info", tokenizer, "--json"))
                        .json()
                        .get("kind")
                        .asText())
                .isEqualTo("tokenizer");
        JsonNode prior = ok(Command.run("info", model, "--json")).json();
        assertThat(prior.get("kind").asText()).isEqualTo("prior");
        assertThat(prior.get("steps").asInt()).isEqualTo(6);
        assertThat(prior.get("parameters").asInt()).isPositive();
        assertThat(prior.get("held_out").get("bits_per_token").asDouble()).isPositive();
        assertThat(prior.get("recipe").get("prior").get("kind").asText()).isEqualTo("absorbing");
        JsonNode file = ok(Command.run("info", tokens, "--json")).json();
        assertThat(file.get("kind").asText()).isEqualTo("tokens");
        assertThat(file.get("grids").asInt()).isEqualTo(12);
        Path weights = model.resolve("checkpoint-6").resolve("weights.safetensors");
        JsonNode tensors = ok(Command.run("info", weights, "--json")).json();
        assertThat(tensors.get("kind").asText()).isEqualTo("tensors");
        assertThat(tensors.get("tensors").size()).isPositive();
        assertThat(ok(Command.run("info", model)).out()).contains("class names").contains("Red Stripe, blue");
        assertThat(ok(Command.run("info", weights)).out()).contains("F32");
    }

    @Test
    void packs_a_model_that_draws_without_the_run_it_came_from() throws IOException {
        Path packed = fresh.resolve("packed");
        Command pack = Command.run("pack", model, "--out", packed);
        assertThat(pack.code()).as(pack.err()).isZero();
        try (Stream<Path> files = Files.walk(packed)) {
            assertThat(files.filter(Files::isRegularFile)
                            .map(file -> packed.relativize(file).toString()))
                    .containsExactlyInAnyOrder(
                            "model.json",
                            "provenance.json",
                            "recipe.yaml",
                            "checkpoint-6/averaged.safetensors",
                            "tokenizer/model.json",
                            "tokenizer/provenance.json",
                            "tokenizer/recipe.yaml",
                            "tokenizer/checkpoint-6/averaged.safetensors");
        }
        Command draw = Command.run("generate", packed, "--count", 2, "--out", fresh.resolve("drawn"));
        assertThat(draw.code()).as(draw.err()).isZero();
        Command again = Command.run("pack", model, "--out", packed);
        assertThat(again.code()).isEqualTo(2);
        assertThat(again.err()).contains("not empty", "--out");
    }

    @Test
    void shows_a_model_on_a_page() throws IOException {
        Path out = fresh.resolve("demo");
        Command shown = ok(Command.run("demo", "--model", model, "--out", out, "--json"));
        assertThat(shown.json().get("files").get("page").asText()).endsWith("index.html");
        assertThat(names(out))
                .containsExactlyInAnyOrder(
                        "samples.png", "classes.png", "reveal.gif", "edit.png", "strip.png", "wide.png", "index.html");
        assertThat(Files.readString(out.resolve("index.html")))
                .contains("Red Stripe")
                .contains("data:image/gif;base64,")
                .contains("together");
        byte[] first = Files.readAllBytes(out.resolve("reveal.gif"));
        ok(Command.run("demo", "--model", model, "--out", out));
        assertThat(Files.readAllBytes(out.resolve("reveal.gif"))).isEqualTo(first);
    }

    private static void draw(Path model, Path out, Object... more) {
        Object[] arguments = new Object[4 + more.length];
        System.arraycopy(new Object[] {"generate", model, "--out", out}, 0, arguments, 0, 4);
        System.arraycopy(more, 0, arguments, 4, more.length);
        ok(Command.run(arguments));
    }

    private static Command ok(Command command) {
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> folder.relativize(file).toString().replace('\\', '/'))
                    .toList();
        }
    }
}
