package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole way of a tokenizer with several codes at each place, and of the prior that takes them. */
class SeveralCodesTest {
    private static final String TOKENIZER = """
        seed: 1
        data: {held_out: 0.1}
        tokenizer:
          kind: rdpm
          steps: 3
          autoencoder:
            size: 16
            patch: 2
            channels: 8
            multipliers: [1, 1]
            res_blocks: 1
            codebook: {codes: 16, dimension: 4, update: moving_average}
            adversarial: {start: 2, channels: 8, layers: 2}
        training: {steps: 6, batch: 4, learning_rate: 1.0e-3, precision: fp32, log_every: 2, checkpoint_every: 3}
        """;
    private static final String PRIOR = """
        seed: 2
        held_out: 0.1
        prior:
          kind: rdpm
          dimension: 4
          network: {layers: 1, width: 16, heads: 2}
        training: {steps: 6, batch: 4, learning_rate: 1.0e-3, precision: fp32, log_every: 2, checkpoint_every: 3}
        """;

    @TempDir
    private static Path folder;

    private static TinyWorld world;
    private static Path images;
    private static Path tokenizer;
    private static Path tokens;
    private static Path model;
    private static JsonNode encoded;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_all_that_is_looked_at() {
        world = new TinyWorld(folder);
        images = world.images();
        tokenizer = folder.resolve("tokenizer");
        tokens = folder.resolve("tokens.safetensors");
        model = folder.resolve("prior");
        Path recipe = world.write("tokenizer.yaml", TOKENIZER);
        run("train-tokenizer", recipe, "--data", images, "--out", tokenizer);
        encoded = run("encode", tokenizer, "--data", images, "--out", tokens, "--reconstruct", "--json")
                .json();
        run("train-prior", world.write("prior.yaml", PRIOR), "--tokens", tokens, "--out", model);
    }

    private static Command run(Object... arguments) {
        Command command = Command.run(arguments);
        assertThat(command.code()).as(command.err()).isZero();
        return command;
    }

    @Test
    void encodes_with_noise_seeds_and_measures_every_step() {
        assertThat(encoded.get("grid").asText()).isEqualTo("4x4x3");
        for (String name : new String[] {"psnr", "perplexity", "perplexity_1", "codebook_usage_3"}) {
            assertThat(encoded.get(name).asDouble()).as(name).isPositive();
        }
        try (TokenFile file = TokenFile.read(tokens)) {
            assertThat(file.space()).isEqualTo(new TokenSpace(16, 4, 4, 3));
            assertThat(Tensors.toLongs(file.noiseSeeds().orElseThrow())).doesNotHaveDuplicates();
            assertThat(file.accumulation().orElseThrow().weight()).isPresent();
            assertThat(file.codebook()).isPresent();
        }
        assertThat(tokenizer.resolve("preview-6.png")).exists();
        assertThat(model.resolve("preview-6.png")).exists();
    }

    @Test
    void evaluates_the_codes_of_all_steps_and_of_each() {
        JsonNode metrics = run("evaluate", "--real", images, "--fake", tokenizer, "--metrics", "codes,psnr", "--json")
                .json()
                .get("metrics");
        assertThat(metrics.fieldNames())
                .toIterable()
                .containsExactly(
                        "psnr",
                        "codebook_usage",
                        "perplexity",
                        "codebook_usage_1",
                        "perplexity_1",
                        "codebook_usage_2",
                        "perplexity_2",
                        "codebook_usage_3",
                        "perplexity_3");
        metrics.fieldNames().forEachRemaining(name -> assertThat(
                        metrics.get(name).get("value").asDouble())
                .as(name)
                .isCloseTo(encoded.get(name).asDouble(), within(0.05)));
    }

    @Test
    void encodes_each_image_several_times_with_other_noise() {
        Path twice = fresh.resolve("twice.safetensors");
        run("encode", tokenizer, "--data", images, "--out", twice, "--noises", 2, "--batch", 5);
        try (TokenFile file = TokenFile.read(twice);
                TokenFile once = TokenFile.read(tokens)) {
            assertThat(file.size()).isEqualTo(24);
            assertThat(file.copies()).isEqualTo(2);
            assertThat(Tensors.toLongs(file.noiseSeeds().orElseThrow())).doesNotHaveDuplicates();
            long[] codes = Tensors.toLongs(file.codes());
            long[] first = Tensors.toLongs(once.codes());
            int length = first.length / 12;
            for (int image = 0; image < 12; image++) { // the copies of an image follow one another, whatever the batch
                long[] own = Arrays.copyOfRange(first, image * length, (image + 1) * length);
                assertThat(Arrays.copyOfRange(codes, 2 * image * length, (2 * image + 1) * length))
                        .isEqualTo(own);
                assertThat(Arrays.copyOfRange(codes, (2 * image + 1) * length, 2 * (image + 1) * length))
                        .isNotEqualTo(own);
            }
        }
    }

    @Test
    void encodes_each_view_several_times_with_other_noise() {
        Path six = fresh.resolve("six.safetensors");
        run("encode", tokenizer, "--data", images, "--out", six, "--noises", 3, "--flip", "--batch", 5);
        try (TokenFile file = TokenFile.read(six)) {
            assertThat(file.size()).isEqualTo(72);
            assertThat(file.copies()).isEqualTo(6);
            assertThat(Tensors.toLongs(file.noiseSeeds().orElseThrow())).doesNotHaveDuplicates();
        }
    }

    @Test
    void draws_pictures_arrays_and_tokens_that_its_likelihood_reads_again() {
        Path png = fresh.resolve("png");
        Path npz = fresh.resolve("drawn.npz");
        Path drawn = fresh.resolve("drawn.safetensors");
        Path grid = fresh.resolve("grid.png");
        run("generate", model, "--out", png, "--count", 5, "--seed", 4, "--guidance", 1, "--grid", grid);
        run("generate", model, "--out", npz, "--count", 5, "--seed", 4, "--format", "npz", "--batch", 2);
        run("generate", model, "--out", drawn, "--count", 5, "--seed", 4, "--format", "tokens");
        assertThat(grid).exists();
        try (ImageSet set = ImageSet.open(png)) {
            assertThat(set.size()).isEqualTo(5);
        }
        try (ImageSet set = ImageSet.open(npz)) {
            assertThat(set.size()).isEqualTo(5);
        }
        try (TokenFile file = TokenFile.read(drawn)) {
            assertThat(file.space()).isEqualTo(new TokenSpace(16, 4, 4, 3));
            assertThat(file.noiseSeeds()).isPresent();
            assertThat(file.accumulation()).isPresent();
        }
        JsonNode likely = run("likelihood", model, "--tokens", drawn, "--json").json();
        assertThat(likely.get("bits_per_token").get("mean").asDouble()).isBetween(0.5, 8.0);
        assertThat(likely.get("exact").asBoolean()).isTrue();
        assertThat(run("likelihood", model, "--tokens", drawn).out())
                .contains("bits per token given the noise, 3 tokens a place");
        // images get the noise that their tokens have
        double ofImages = bits("--data", images);
        assertThat(ofImages).isCloseTo(bits("--tokens", tokens), within(0.002));
    }

    @Test
    void draws_larger_images_with_noise_of_their_size() {
        Path npz = fresh.resolve("large.npz");
        Path drawn = fresh.resolve("large.safetensors");
        run("generate", model, "--out", npz, "--count", 2, "--size", "24x32", "--format", "npz");
        run("generate", model, "--out", drawn, "--count", 2, "--size", "24x32", "--format", "tokens");
        try (ImageSet set = ImageSet.open(npz)) {
            assertThat(set.read(1).width()).isEqualTo(32);
        }
        try (TokenFile file = TokenFile.read(drawn)) {
            assertThat(file.space()).isEqualTo(new TokenSpace(16, 6, 8, 3));
        }
    }

    @Test
    void edits_an_image_and_keeps_what_lies_outside_the_mask() throws IOException {
        Path image = images.resolve("blue").resolve("2.png");
        Path one = fresh.resolve("one");
        Path again = fresh.resolve("again");
        run("edit", model, "--image", image, "--mask", "0,0,6,16", "--out", one, "--count", 3, "--label", "blue");
        run(
                "edit",
                model,
                "--image",
                image,
                "--mask",
                "0,0,6,16",
                "--out",
                again,
                "--count",
                3,
                "--label",
                "blue",
                "--batch",
                2);
        byte[] before = Pixels.decode(Files.readAllBytes(image), "image").rgb();
        for (int i = 0; i < 3; i++) {
            Path result = one.resolve("0000" + i + ".png");
            byte[] after = Pixels.decode(Files.readAllBytes(result), "result").rgb();
            assertThat(after).isNotEqualTo(before);
            for (int y = 0; y < 16; y++) {
                int from = 3 * (16 * y + 6);
                int to = 3 * 16 * (y + 1);
                assertThat(Arrays.equals(after, from, to, before, from, to)).isTrue();
            }
            assertThat(again.resolve("0000" + i + ".png")).hasSameBinaryContentAs(result);
        }
        Path wide = fresh.resolve("wide");
        run("edit", model, "--image", image, "--extend", "left=8", "--out", wide, "--count", 1);
        Pixels wider = Pixels.decode(Files.readAllBytes(wide.resolve("00000.png")), "wider");
        assertThat(wider.width()).isEqualTo(24);
        assertThat(Arrays.equals(wider.rgb(), 3 * 8, 3 * 24, before, 0, 3 * 16)).isTrue();
    }

    private static double bits(String option, Path path) {
        return run("likelihood", model, option, path, "--json")
                .json()
                .get("bits_per_token")
                .get("mean")
                .asDouble();
    }

    @Test
    void encodes_the_same_again_with_the_tokenizer_that_a_prior_carries() {
        Path again = fresh.resolve("again.safetensors");
        run("encode", model, "--data", images, "--out", again);
        try (TokenFile first = TokenFile.read(tokens);
                TokenFile second = TokenFile.read(again)) {
            assertThat(Tensors.toLongs(second.codes())).isEqualTo(Tensors.toLongs(first.codes()));
            assertThat(Tensors.toLongs(second.noiseSeeds().orElseThrow()))
                    .isEqualTo(Tensors.toLongs(first.noiseSeeds().orElseThrow()));
        }
    }

    @Test
    void says_what_the_files_and_folders_are() {
        for (Path path : new Path[] {tokenizer, model, tokens}) {
            JsonNode facts = run("info", path, "--json").json();
            assertThat(facts.get("grid").asText()).isEqualTo("4x4");
            assertThat(facts.get("codes_a_position").asInt()).isEqualTo(3);
        }
        assertThat(run("info", tokens).out()).contains("noise seeds").contains("alpha");
    }

    @Test
    void refuses_other_numbers_of_steps_and_tokens_of_another_kind_of_tokenizer() {
        Command steps = Command.run("generate", model, "--out", fresh.resolve("s"), "--count", 1, "--steps", 2);
        assertThat(steps.code()).isEqualTo(2);
        assertThat(steps.err()).contains("steps must be left out or 3");
        Command several =
                Command.run("train-prior", world.priorRecipe(), "--tokens", tokens, "--out", fresh.resolve("a"));
        assertThat(several.code()).isEqualTo(2);
        assertThat(several.err()).contains("there are 3 codes a position, and this prior takes one");
        Path plain = fresh.resolve("plain");
        run("train-tokenizer", world.tokenizerRecipe(), "--data", images, "--out", plain);
        Path single = fresh.resolve("single.safetensors");
        run("encode", plain, "--data", images, "--out", single);
        Command one = Command.run(
                "train-prior", folder.resolve("prior.yaml"), "--tokens", single, "--out", fresh.resolve("b"));
        assertThat(one.code()).isEqualTo(2);
        assertThat(one.err()).contains("there is one code a position");
        Command noises = Command.run("encode", plain, "--data", images, "--out", fresh.resolve("n"), "--noises", 2);
        assertThat(noises.code()).isEqualTo(2);
        assertThat(noises.err()).contains("noises needs a tokenizer that adds noise");
    }
}
