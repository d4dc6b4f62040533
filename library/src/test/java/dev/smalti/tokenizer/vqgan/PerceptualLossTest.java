package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.metric.lpips.Lpips;
import dev.smalti.metric.lpips.LpipsFiles;
import dev.smalti.metric.lpips.Net;
import dev.smalti.network.Loss;
import dev.smalti.recipe.RecipeException;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.PerceptualConfiguration;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.train.Player;
import dev.smalti.train.TrainLoop;
import dev.smalti.train.TrainingConfiguration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PerceptualLossTest {
    private static final int SIZE = 32;
    private static final double WEIGHT = 2.5;
    private static final Seed SEED = new Seed(5);
    private static final Device CPU = Devices.cpu(); // one handle, so that none comes and goes while they are counted

    @TempDir
    private static Path folder;

    private static LpipsConfiguration lpips;
    private static Lpips network;

    @BeforeAll
    static void makes_weights_up() {
        Path backbone = LpipsFiles.backbone(Net.ALEX, folder);
        Path linear = LpipsFiles.linear(Net.ALEX, folder);
        lpips = new LpipsConfiguration(Net.ALEX, backbone, linear, WEIGHT);
        network = Lpips.open(Net.ALEX, backbone, linear, Devices.cpu());
    }

    @AfterAll
    static void closes_the_network() {
        network.close();
    }

    private static Vqgan vqgan(PerceptualConfiguration perceptual) {
        return vqgan(perceptual, null);
    }

    private static Vqgan vqgan(PerceptualConfiguration perceptual, PixelRange range) {
        VqganConfiguration configuration = new VqganConfiguration(
                SIZE,
                8,
                List.of(1, 1),
                1,
                1,
                null,
                2,
                null,
                null,
                true,
                new CodebookConfiguration(32, 8, null, CodebookConfiguration.MovingAverage.USUAL),
                new AdversarialConfiguration(2, 0.5, 1e4, 8, 1, false, null),
                true,
                perceptual,
                range);
        return new Vqgan(configuration, new Seed(23), Devices.cpu());
    }

    /** Four images of coloured stripes, in [-1, 1]. */
    private static Tensor images() {
        float[] values = new float[4 * 3 * SIZE * SIZE];
        for (int i = 0; i < values.length; i++) {
            int x = i % SIZE;
            int y = i / SIZE % SIZE;
            int plane = i / (SIZE * SIZE);
            values[i] = (float) (0.8 * Math.sin((plane % 3 + 1) * 0.2 * (plane / 3 < 2 ? x : y) + plane));
        }
        return Tensors.floats(values).view(4, 3, SIZE, SIZE);
    }

    @Test
    void the_loss_is_that_without_it_plus_weight_times_distance() {
        try (Vqgan plain = vqgan(null);
                Vqgan perceptual = vqgan(lpips)) {
            Scope.free(() -> {
                Tensor x = images();
                Loss without = plain.objectives().get(0).loss(x, 0, SEED);
                Loss with = perceptual.objectives().get(0).loss(x, 0, SEED);
                double distance = network.distance(x, plain.decode(plain.encode(x)))
                        .mean()
                        .item_double();
                assertThat(distance).isGreaterThan(0.01);
                assertThat(with.measures().get("perceptual").item_double()).isCloseTo(distance, within(1e-5));
                assertThat(with.total().item_double() - without.total().item_double())
                        .isCloseTo(WEIGHT * distance, within(1e-5));
                assertThat(with.measures().get("reconstruction").item_double())
                        .isEqualTo(without.measures().get("reconstruction").item_double());
                assertThat(without.measures()).doesNotContainKey("perceptual");
            });
        }
    }

    /** The mean over images is what training adds up, and the same with a discriminator. */
    @ParameterizedTest
    @EnumSource
    void the_distortion_of_each_image_is_that_of_its_pixels_and_the_weighted_distance(PixelRange range) {
        try (Vqgan plain = vqgan(null, range);
                Vqgan perceptual = vqgan(lpips, range)) {
            Scope.free(() -> {
                Tensor x = images();
                Map<String, Tensor> measures =
                        perceptual.objectives().get(0).loss(x, 2, SEED).measures();
                Tensor again = perceptual.decode(perceptual.encode(x));
                Tensor pixels = plain.distortion(x, again);
                Tensor both = perceptual.distortion(x, again);
                assertThat(pixels.dim()).isEqualTo(1);
                assertThat(pixels.size(0)).isEqualTo(4);
                assertThat(pixels.mean().item_double())
                        .isCloseTo(measures.get("reconstruction").item_double(), within(1e-5));
                assertThat(both.mean().item_double() - pixels.mean().item_double())
                        .isCloseTo(WEIGHT * measures.get("perceptual").item_double(), within(1e-5));
                assertThat(Tensors.toFloats(plain.distortion(x, x))).containsOnly(0);
            });
        }
    }

    @Test
    void sees_images_between_minus_1_and_1_whatever_the_range_of_the_autoencoder() {
        try (Vqgan unit = vqgan(lpips, PixelRange.UNIT)) {
            Scope.free(() -> {
                Tensor x = images();
                Loss loss = unit.objectives().get(0).loss(x, 0, SEED);
                double distance =
                        network.distance(x, unit.decode(unit.encode(x))).mean().item_double();
                assertThat(loss.measures().get("perceptual").item_double()).isCloseTo(distance, within(1e-5));
            });
        }
    }

    @Test
    void the_adaptive_weight_balances_the_discriminator_with_both_distances() {
        try (Vqgan vqgan = vqgan(lpips)) {
            Scope.free(() -> {
                Tensor x = images();
                Loss loss = vqgan.objectives().get(0).loss(x, 2, SEED);
                Tensor again = vqgan.decoder()
                        .image(vqgan.features(
                                vqgan.quantizer().quantize(vqgan.map(x), SEED).vectors()));
                Tensor pixels = vqgan.reconstructionLoss(x, again);
                Tensor both = pixels.add(network.distance(x, again).mean().mul(new Scalar(WEIGHT)));
                Tensor adversarial = AdversarialLoss.HINGE.ofAutoencoder(
                        vqgan.discriminator().forward(again));
                Tensor last = vqgan.decoder().lastWeight();
                double expected = vqgan.adaptiveWeight(both, adversarial, last).item_double();
                assertThat(loss.measures().get("adaptive_weight").item_double())
                        .isCloseTo(expected, within(1e-3 * expected));
                assertThat(vqgan.adaptiveWeight(pixels, adversarial, last).item_double())
                        .isNotCloseTo(expected, within(1e-2 * expected));
            });
        }
    }

    @Test
    void the_gradient_reaches_the_autoencoder_alone() {
        try (Vqgan plain = vqgan(null);
                Vqgan perceptual = vqgan(lpips)) {
            Scope.free(() -> {
                Tensor x = images();
                plain.objectives().get(0).loss(x, 0, SEED).total().backward();
                perceptual.objectives().get(0).loss(x, 0, SEED).total().backward();
                Map<String, Tensor> without = TamingFixtureTest.gradients(plain.parameters());
                Map<String, Tensor> with = TamingFixtureTest.gradients(perceptual.parameters());
                assertThat(with.keySet()).isEqualTo(without.keySet()); // it brings no weights of its own
                String last = with.keySet().stream()
                        .filter(name -> name.startsWith("decoder.conv_out"))
                        .findFirst()
                        .orElseThrow();
                assertThat(Tensors.toFloats(with.get(last))).isNotEqualTo(Tensors.toFloats(without.get(last)));
                assertThat(TamingFixtureTest.gradients(perceptual.opponent())).isEmpty();
                // of images alone it has no graph, so its weights want no gradient
                assertThat(network.distance(x, x).requires_grad()).isFalse();
            });
        }
    }

    @Test
    void works_in_bfloat16_and_gives_finite_gradients() {
        try (Vqgan vqgan = vqgan(lpips)) {
            Scope.free(() -> {
                Tensor x = images();
                double exact = vqgan.objectives()
                        .get(0)
                        .loss(x, 0, SEED)
                        .measures()
                        .get("perceptual")
                        .item_double();
                Loss loss = Precision.BF16.run(
                        Devices.cpu(), () -> vqgan.objectives().get(0).loss(x, 0, SEED));
                loss.total().backward();
                Tensor distance = loss.measures().get("perceptual");
                assertThat(distance.scalar_type().intern()).isEqualTo(ScalarType.Float);
                assertThat(distance.item_double()).isCloseTo(exact, within(0.1 * exact));
                TamingFixtureTest.gradients(vqgan.parameters()).forEach((name, gradient) -> assertThat(
                                gradient.isfinite().all().item_bool())
                        .as(name)
                        .isTrue());
            });
        }
    }

    @Test
    void learns_one_batch_as_seen_and_keeps_the_handle_count() {
        try (Vqgan vqgan = vqgan(lpips)) {
            List<Player<Tensor>> players = vqgan.objectives().stream()
                    .map(each -> Player.of(each, training(1), false))
                    .toList();
            double before = seen(vqgan);
            train(players, 0, 5);
            System.gc(); // what other tests left must not go in between
            long handles = Pointer.totalCount();
            train(players, 5, 50);
            assertThat(Pointer.totalCount()).isLessThanOrEqualTo(handles);
            assertThat(seen(vqgan)).isLessThan(0.5 * before);
            players.forEach(Player::close);
        }
    }

    private static void train(List<Player<Tensor>> players, long from, long to) {
        new TrainLoop<>(players, number -> images(), training(to), new Seed(4), CPU, List.of(), () -> false).run(from);
    }

    private static TrainingConfiguration training(long steps) {
        return TrainingConfiguration.of(steps, 4, 3e-3, "fp32", "cpu");
    }

    private static double seen(Tokenizer tokenizer) {
        tokenizer.parameters().training(false);
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor x = images();
                return network.distance(x, tokenizer.decode(tokenizer.encode(x)))
                        .mean()
                        .item_double();
            }
        });
    }

    @Test
    void only_training_needs_its_files() {
        Path none = folder.resolve("none.pth");
        try (Vqgan vqgan = vqgan(new LpipsConfiguration(Net.VGG, none, none, null))) {
            Scope.free(() ->
                    assertThat(vqgan.decode(vqgan.encode(images())).numel()).isEqualTo(4 * 3 * SIZE * SIZE));
            assertThatThrownBy(vqgan::objectives)
                    .isInstanceOf(BadFileException.class)
                    .hasMessageContaining(none.toString())
                    .hasMessageContaining("torchvision's vgg16-397923af.pth");
        }
    }

    @Test
    void says_of_all_missing_files_where_they_are_published_and_how_to_do_without() {
        Path there = LpipsFiles.linear(Net.VGG, folder);
        Path none = folder.resolve("none.pth");
        Path other = folder.resolve("other.pth");
        assertThatThrownBy(new LpipsConfiguration(Net.VGG, none, other, null)::parents)
                .hasMessage(none + ": there is no such file, which the perceptual loss needs; get it (" + none
                        + " is torchvision's vgg16-397923af.pth, and " + other
                        + " is lpips/weights/v0.1/vgg.pth of the Python package lpips (PerceptualSimilarity)), name other"
                        + " files with backbone and linear, or train without the perceptual loss: --set"
                        + " tokenizer.perceptual=null (for kind rdpm tokenizer.autoencoder.perceptual=null)");
        assertThatThrownBy(new LpipsConfiguration(Net.VGG, none, there, null)::parents)
                .hasMessageNotContaining(there.toString());
    }

    @ParameterizedTest
    @EnumSource
    void a_recipe_says_it_and_gets_it_back(Net net) {
        String text = """
            tokenizer:
              kind: vqgan
              size: 32
              channels: 8
              multipliers: [1, 2]
              codebook: {codes: 16, dimension: 4}
              perceptual: {kind: lpips, net: %s, backbone: some/backbone.pth, linear: some/linear.pth, weight: 0.5}
            training: {steps: 1, batch: 1, learning_rate: 1.0e-3}
            """.formatted(net.label());
        TokenizerRecipe recipe = recipe(text);
        VqganConfiguration vqgan = (VqganConfiguration) recipe.tokenizer();
        assertThat(vqgan.perceptual())
                .isEqualTo(new LpipsConfiguration(net, Path.of("some/backbone.pth"), Path.of("some/linear.pth"), 0.5));
        Path file = folder.resolve("recipe.yaml");
        RecipeFile.write(file, recipe);
        assertThat(RecipeFile.read(file, TokenizerRecipe.class, List.of())).isEqualTo(recipe);
    }

    private static TokenizerRecipe recipe(String text, String... overrides) {
        return RecipeFile.parse(text, "this recipe", TokenizerRecipe.class, List.of(overrides));
    }

    @Test
    void a_recipe_must_name_both_files_a_weight_above_0_and_a_size_that_can_be_seen() {
        String text = """
            tokenizer:
              kind: vqgan
              size: 16
              channels: 8
              multipliers: [1, 2]
              codebook: {codes: 16, dimension: 4}
              adversarial: {start: 0, weight: 0}
            training: {steps: 1, batch: 1, learning_rate: 1.0e-3}
            """;
        refused(text, "{kind: lpips, linear: vgg.pth}")
                .hasMessageContaining("perceptual: backbone is required: give torchvision's vgg16-397923af.pth");
        refused(text, "{kind: lpips, net: alex, backbone: a.pth}")
                .hasMessageContaining("linear is required: give alex.pth of version 0.1");
        refused(text, "{kind: lpips, backbone: a.pth, linear: b.pth, weight: 0}")
                .hasMessageContaining("weight must be above 0, got 0.0");
        refused(text, "{kind: lpips, net: alex, backbone: a.pth, linear: b.pth}")
                .hasMessageContaining("size must be at least 31 for a perceptual loss by alex, got 16");
        refused(text, "{kind: lpips, net: squeeze, backbone: a.pth, linear: b.pth}")
                .hasMessageContaining("net must be one of alex, vgg, got \"squeeze\"");
        refused(text, "{backbone: a.pth, linear: b.pth}")
                .hasMessageContaining("perceptual.kind")
                .hasMessageContaining("lpips");
        VqganConfiguration read =
                (VqganConfiguration) recipe(text, "tokenizer.perceptual={kind: lpips, backbone: a.pth, linear: b.pth}")
                        .tokenizer();
        assertThat(read.perceptual()).isEqualTo(new LpipsConfiguration(null, Path.of("a.pth"), Path.of("b.pth"), null));
    }

    private static org.assertj.core.api.AbstractThrowableAssert<?, ?> refused(String text, String perceptual) {
        return assertThatThrownBy(() -> recipe(text, "tokenizer.perceptual=" + perceptual))
                .isInstanceOf(RecipeException.class);
    }
}
