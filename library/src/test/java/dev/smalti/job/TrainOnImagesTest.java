package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Crop;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.distributed.Group;
import dev.smalti.model.Opening;
import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.ImageRecipe;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.Provenance;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.run.TokenOutput.Target;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Priors that are trained on images, and on tokens beside others that are held out. */
class TrainOnImagesTest {
    private static final BooleanSupplier NEVER = () -> false;
    private static final int COUNT = 22;
    private static final String VQGAN = """
        seed: 3
        data: {held_out: 0.1}
        tokenizer:
          kind: vqgan
          size: 16
          channels: 8
          multipliers: [1, 2]
          res_blocks: 1
          codebook: {codes: 16, dimension: 4, update: moving_average}
          adversarial: {start: 2, weight: 0.5, channels: 4, layers: 1}
        training: {steps: 4, batch: 4, learning_rate: 1.0e-3, precision: fp32, device: cpu}
        """;
    private static final String RDPM = """
        seed: 3
        data: {flip: true, crop: random, held_out: 0.1}
        tokenizer:
          kind: rdpm
          steps: 2
          autoencoder:
            size: 16
            channels: 8
            multipliers: [1, 2]
            res_blocks: 1
            codebook: {codes: 16, dimension: 4, update: moving_average}
            adversarial: {start: 2, weight: 0.5, channels: 4, layers: 1}
        training: {steps: 4, batch: 4, learning_rate: 1.0e-3, precision: fp32, device: cpu}
        """;
    private static final String TRAINING = """
        training:
          {steps: 8, batch: 8, accumulation: 2, learning_rate: 1.0e-3, averaging: 0.9, precision: fp32, device: cpu,
           log_every: 2, checkpoint_every: 4, validate_every: 4, preview_every: 0}
        """;
    private static final String ABSORBING = """
        seed: 5
        held_out: 0.1
        prior: {kind: absorbing, network: {layers: 2, width: 16, heads: 2, dropout: 0.2}}
        """ + TRAINING;
    private static final String OF_RDPM = """
        seed: 5
        held_out: 0.1
        prior: {kind: rdpm, dimension: 4, network: {layers: 1, width: 16, heads: 2}}
        """ + TRAINING;

    @TempDir
    private static Path folder;

    private static Path images;
    private static Path vqgan;
    private static Path rdpm;
    private static Path tokens;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void train_two_tokenizers_and_encode() throws IOException {
        images = folder.resolve("images");
        for (int i = 0; i < COUNT; i++) {
            byte[] rgb = new byte[3 * 24 * 18];
            new SplittableRandom(i).nextBytes(rgb);
            for (int j = 0; j < rgb.length / 2; j++) {
                rgb[j] = (byte) (20 * i);
            }
            Path picture = images.resolve(i % 2 == 0 ? "even" : "odd").resolve("image-" + i + ".png");
            Pictures.writePng(picture, new Pixels(24, 18, rgb));
        }
        Files.writeString(folder.resolve("absorbing.yaml"), ABSORBING);
        Files.writeString(folder.resolve("of-rdpm.yaml"), OF_RDPM);
        vqgan = tokenizer("vqgan", VQGAN);
        rdpm = tokenizer("rdpm", RDPM);
        tokens = folder.resolve("tokens.safetensors");
        encode(tokens, EncodeImages.Views.ONE);
    }

    private static Path tokenizer(String name, String recipe) throws IOException {
        Path file = Files.writeString(folder.resolve(name + ".yaml"), recipe);
        Path run = folder.resolve(name);
        new TrainTokenizer(file, List.of(), images, run, false, false).run(List.of(), NEVER);
        return run;
    }

    private static void encode(Path out, EncodeImages.Views views) {
        new EncodeImages(vqgan.toString(), images, Target.file(out), 4, false, false, views, 1, Opening.on("cpu"))
                .run(Observer.NONE);
    }

    @Test
    void is_training_on_the_token_file_where_nothing_is_random() throws IOException {
        Path ofTokens = fresh.resolve("of-tokens");
        Path ofImages = fresh.resolve("of-images");
        new TrainPrior(recipe("absorbing"), List.of(), tokens, ofTokens, false, null).run(List.of(), NEVER);
        onImages("absorbing", vqgan, ofImages, false).run(List.of(), NEVER);

        assertSameRuns(ofTokens, ofImages);
        RunFolder run = RunFolder.open(ofImages);
        assertThat(run.tokenizerFolder()).isNotNull();
        assertThat(run.description().classNames()).containsExactly("even", "odd");
        assertThat(Provenance.read(ofImages.resolve("provenance.json")).parents())
                .containsOnlyKeys("tokenizer");
        PriorRecipe written = RecipeFile.read(ofImages.resolve("recipe.yaml"), PriorRecipe.class, List.of());
        assertThat(written.data().flip()).isFalse();
        assertThat(new TrainPrior(ofImages.resolve("recipe.yaml"), List.of(), data(vqgan), ofImages, true)
                        .run(List.of(), NEVER)
                        .complete())
                .as("goes on by the recipe that was written")
                .isTrue();
    }

    @Test
    void stopped_after_step_3_it_becomes_what_it_would_have_been() throws IOException {
        Path whole = fresh.resolve("whole");
        Path halved = fresh.resolve("halved");
        onImages("of-rdpm", rdpm, whole, false).run(List.of(), NEVER);
        int[] asked = {0};
        assertThat(onImages("of-rdpm", rdpm, halved, false)
                        .run(List.of(), () -> asked[0]++ == 3)
                        .step())
                .isEqualTo(3);
        onImages("of-rdpm", rdpm, halved, true).run(List.of(), NEVER);
        assertSameRuns(whole, halved);
    }

    @Test
    void goes_on_with_the_tokenizer_that_it_began_with_though_another_checkpoint_is_the_best_by_now()
            throws IOException {
        Path tokenizer = fresh.resolve("tokenizer");
        try (Stream<Path> files = Files.walk(vqgan)) {
            for (Path each : files.toList()) {
                Files.copy(each, tokenizer.resolve(vqgan.relativize(each)));
            }
        }
        Path whole = fresh.resolve("whole");
        Path halved = fresh.resolve("halved");
        onImages("absorbing", tokenizer, whole, false).run(List.of(), NEVER);
        int[] asked = {0};
        onImages("absorbing", tokenizer, halved, false).run(List.of(), () -> asked[0]++ == 3);
        Files.writeString(
                tokenizer.resolve("best.json"),
                "{\"format\": 1, \"step\": 3, \"measure\": \"distortion\", \"value\": 1}");
        assertThat(RunFolder.open(tokenizer).fingerprint())
                .isNotEqualTo(RunFolder.open(halved).description().tokenizer());
        onImages("absorbing", tokenizer, halved, true).run(List.of(), NEVER);
        assertSameRuns(whole, halved);

        assertThatThrownBy(() -> onImages("absorbing", rdpm, halved, true).run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith(rdpm + " has no checkpoint of tokenizer ")
                .hasMessageEndingWith("give the run itself as --tokenizer, it carries a copy");
        assertThat(onImages("absorbing", halved, halved, true)
                        .run(List.of(), NEVER)
                        .complete())
                .isTrue();
    }

    @Test
    void held_out_images_are_cut_as_the_recipe_says_but_by_no_chance() {
        PriorRecipe recipe = RecipeFile.read(recipe("of-rdpm"), PriorRecipe.class, List.of());
        assertThat(heldOut(recipe, Crop.RANDOM)).isEqualTo(heldOut(recipe, Crop.CENTER));
        assertThat(heldOut(recipe, Crop.NONE)).isNotEqualTo(heldOut(recipe, Crop.CENTER));
    }

    private static String heldOut(PriorRecipe recipe, Crop crop) {
        return Scope.value(() -> {
            try (ImageTokens source = source(recipe.with(new ImageRecipe(crop, false)))) {
                return source.heldOut().file().fingerprint();
            }
        });
    }

    @Test
    void where_nothing_is_held_out_a_broken_image_is_left_out_like_any_other() throws IOException {
        Path broken = fresh.resolve("broken");
        for (int i = 0; i < 6; i++) {
            Files.createDirectories(broken);
            Files.writeString(broken.resolve(i + ".png"), "no picture");
        }
        Files.copy(images.resolve("even").resolve("image-2.png"), broken.resolve("6.png"));
        List<String> all = List.of("held_out=0");
        PriorRecipe recipe = RecipeFile.read(recipe("of-rdpm"), PriorRecipe.class, all);
        Scope.free(() -> {
            try (ImageTokens source = new ImageTokens(
                    broken, rdpm, null, true, recipe, new Seed(1), Devices.cpu(), Observer.NONE, Group.alone())) {
                assertThat(source.facts().size()).isEqualTo(1);
                assertThat(source.heldOut().order()).isEmpty();
                assertThat(source.batch(0).codes().size(0)).isEqualTo(4);
            }
        });
    }

    @Test
    void each_epoch_sees_other_crops_flips_and_noise() {
        PriorRecipe recipe = RecipeFile.read(recipe("of-rdpm"), PriorRecipe.class, List.of());
        Scope.free(() -> {
            try (ImageTokens source = source(recipe)) {
                assertThat(source.recipe().data().flip())
                        .as("as its tokenizer has it")
                        .isTrue();
                assertThat(source.heldOut().order()).hasSize(2);
                assertThat(source.facts().accumulation()).isPresent();
                List<TokenBatch> epochs =
                        LongStream.range(0, 15).mapToObj(source::batch).toList(); // of 20 images, by 4
                long[] seeds = epochs.stream()
                        .flatMapToLong(each -> LongStream.of(Tensors.toLongs(each.noiseSeeds())))
                        .toArray();
                assertThat(seeds).hasSize(60).doesNotHaveDuplicates();
                assertThat(rows(epochs)).as("of 20 images in 3 epochs").hasSizeGreaterThan(50);
                try (ImageTokens again = source(recipe)) {
                    TokenBatch same = again.batch(11);
                    assertThat(same.codes().equal(epochs.get(11).codes())).isTrue();
                    assertThat(same.labels().equal(epochs.get(11).labels())).isTrue();
                    assertThat(same.noiseSeeds().equal(epochs.get(11).noiseSeeds()))
                            .isTrue();
                }
            }
            try (ImageTokens plain = source(recipe.with(new ImageRecipe(Crop.CENTER, false)))) {
                assertThat(plain.recipe().data().flip()).isFalse();
            }
        });
    }

    @Test
    void leaves_no_handles_behind() {
        PriorRecipe recipe = RecipeFile.read(recipe("of-rdpm"), PriorRecipe.class, List.of());
        Runnable round = () -> Scope.free(() -> {
            try (ImageTokens source = source(recipe)) {
                source.batch(0);
            }
        });
        round.run();
        long before = Pointer.totalCount();
        round.run();
        round.run();
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    @Test
    void measures_held_out_tokens_in_place_of_a_share() throws IOException {
        Path others = fresh.resolve("others.safetensors");
        encode(others, new EncodeImages.Views(2, null, true)); // more grids an image than are trained on
        Path out = fresh.resolve("out");
        List<String> usual = List.of("held_out=");
        TrainPrior.Data data = new TrainPrior.Data(tokens, others, null, null, false);
        new TrainPrior(recipe("absorbing"), usual, data, out, false).run(List.of(), NEVER);

        String log = Files.readString(out.resolve("metrics.jsonl"));
        assertThat(log).contains("\"held_out.items\":44").contains("held_out.bits_per_token");
        assertThat(RecipeFile.read(out.resolve("recipe.yaml"), PriorRecipe.class, List.of())
                        .heldOut())
                .isZero();
        assertThat(Provenance.read(out.resolve("provenance.json")).parents()).containsOnlyKeys("held_out", "tokenizer");

        assertThatThrownBy(() -> new TrainPrior(recipe("absorbing"), List.of(), data, fresh.resolve("x"), false)
                        .run(List.of(), NEVER))
                .hasMessage("held_out must be 0 or left out where there are held-out tokens, got 0.1");
        Path strange = fresh.resolve("strange.safetensors");
        try (TokenFile read = TokenFile.read(tokens);
                TokenFile other = TokenFile.of(read.codes(), read.codebookSize())
                        .labels(read.labels().orElseThrow())
                        .classNames(read.classNames())
                        .codebook(read.codebook().orElseThrow())
                        .tokenizer("another")
                        .build()) {
            other.write(strange);
        }
        TrainPrior.Data wrong = new TrainPrior.Data(tokens, strange, null, null, false);
        assertThatThrownBy(() -> new TrainPrior(recipe("absorbing"), usual, wrong, fresh.resolve("x"), false)
                        .run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith(strange + " can't be held out from a training on " + tokens)
                .hasMessageContaining("and another");
        assertThat(fresh.resolve("x")).doesNotExist();
    }

    @Test
    void takes_the_tokenizer_of_a_bundled_model_by_its_name() {
        RunFolder.open(vqgan).copyModel(fresh.resolve("models/tiny"), ScalarType.Float);
        Path tiny = Path.of("tiny");
        String before = System.setProperty("smalti.home", fresh.toString());
        try {
            for (TrainPrior.Data data :
                    List.of(TrainPrior.Data.tokens(tokens, tiny), TrainPrior.Data.images(images, tiny))) {
                Path out = fresh.resolve(data.tokens() == null ? "of-images" : "of-tokens");
                new TrainPrior(recipe("absorbing"), List.of("training.steps=1"), data, out, false)
                        .run(List.of(), NEVER);
                assertThat(RunFolder.open(out).tokenizerFolder().fingerprint())
                        .isEqualTo(RunFolder.open(vqgan).fingerprint());
            }
        } finally {
            if (before == null) {
                System.clearProperty("smalti.home");
            } else {
                System.setProperty("smalti.home", before);
            }
        }
    }

    @Test
    void refuses_neither_both_and_what_goes_with_the_other() {
        assertThatThrownBy(() -> new TrainPrior.Data(null, null, vqgan, null, false))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("give one of the two, got neither");
        assertThatThrownBy(() -> new TrainPrior.Data(tokens, null, vqgan, images, false))
                .hasMessageContaining("give one of the two, got both");
        assertThatThrownBy(() -> TrainPrior.Data.images(images, null)).hasMessageContaining("--data needs --tokenizer");
        assertThatThrownBy(() -> new TrainPrior.Data(null, tokens, vqgan, images, false))
                .hasMessageContaining("--held-out goes with --tokens");
        assertThatThrownBy(() -> new TrainPrior.Data(tokens, null, null, null, true))
                .hasMessageContaining("--skip-bad goes with --data");
        assertThatThrownBy(() -> new TrainPrior(
                                recipe("absorbing"),
                                List.of("data={flip: true}"),
                                tokens,
                                fresh.resolve("x"),
                                false,
                                null)
                        .run(List.of(), NEVER))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith("data of the recipe says how images are prepared");
        TrainPrior coarse = new TrainPrior(
                recipe("absorbing"), List.of("training.precision=tf32"), data(vqgan), fresh.resolve("x"), false);
        assertThatThrownBy(() -> coarse.run(List.of(), NEVER))
                .hasMessageStartingWith("training.precision tf32 is a setting of the whole process");
    }

    private static ImageTokens source(PriorRecipe recipe) {
        return new ImageTokens(
                images, rdpm, null, false, recipe, new Seed(1), Devices.cpu(), Observer.NONE, Group.alone());
    }

    private static List<String> rows(List<TokenBatch> batches) {
        return batches.stream()
                .flatMap(each -> LongStream.range(0, each.codes().size(0))
                        .mapToObj(i ->
                                Arrays.toString(Tensors.toLongs(each.codes().select(0, i)))))
                .distinct()
                .toList();
    }

    private static TrainPrior.Data data(Path tokenizer) {
        return TrainPrior.Data.images(images, tokenizer);
    }

    private static TrainPrior onImages(String recipe, Path tokenizer, Path out, boolean resume) {
        return new TrainPrior(recipe(recipe), List.of(), data(tokenizer), out, resume);
    }

    private static Path recipe(String name) {
        return folder.resolve(name + ".yaml");
    }

    private static void assertSameRuns(Path one, Path other) throws IOException {
        for (String file : List.of("weights.safetensors", "averaged.safetensors", "optimizer.safetensors")) {
            assertThat(other.resolve("checkpoint-8").resolve(file))
                    .hasSameBinaryContentAs(one.resolve("checkpoint-8").resolve(file));
        }
        assertThat(withoutTimes(other)).isEqualTo(withoutTimes(one)).hasSize(6);
    }

    private static List<String> withoutTimes(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> line.replaceAll("\"(items_per_second|seconds)\":[^,}]*", ""))
                .toList();
    }
}
