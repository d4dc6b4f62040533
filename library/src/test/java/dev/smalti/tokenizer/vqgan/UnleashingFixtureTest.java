package dev.smalti.tokenizer.vqgan;

import static dev.smalti.tokenizer.vqgan.TamingFixtureTest.gradients;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.network.Loss;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Against samb-t/unleashing-transformers. Not compared: {@code aug_cutout}, which we don't have, and
 * {@code mean_distance}, which we don't measure.
 */
class UnleashingFixtureTest {
    private static final Pattern BLOCK = Pattern.compile("ae\\.(encoder|generator)\\.blocks\\.(\\d+)\\.(.+)");
    private static final Seed UNUSED = new Seed(0);

    private final Fixture fixture = Fixture.of("vqgan-unleashing");
    private final JsonNode settings = fixture.settings("H");
    private final long start = settings.required("disc_start_step").asLong() + 1;
    private final Tensor x = fixture.in("x");
    private Vqgan vqgan;

    @BeforeEach
    void build() {
        vqgan = vqgan(false);
    }

    @AfterEach
    void close() {
        vqgan.close();
    }

    private Vqgan vqgan(boolean pixelLikelihood) {
        CodebookConfiguration codebook = new CodebookConfiguration(
                settings.required("codebook_size").asInt(),
                settings.required("emb_dim").asInt(),
                Update.GRADIENT,
                settings.required("beta").asDouble(),
                true,
                null,
                null);
        AdversarialConfiguration adversarial = new AdversarialConfiguration(
                start,
                1.0,
                settings.required("disc_weight_max").asDouble(),
                settings.required("ndf").asInt(),
                settings.required("disc_layers").asInt(),
                false,
                AdversarialLoss.HINGE);
        VqganConfiguration configuration = new VqganConfiguration(
                settings.required("img_size").asInt(),
                settings.required("nf").asInt(),
                Fixture.integers(settings.required("ch_mult")),
                settings.required("res_blocks").asInt(),
                settings.required("res_blocks").asInt(),
                Fixture.integers(settings.required("attn_resolutions")),
                1,
                null,
                false,
                false,
                codebook,
                adversarial,
                pixelLikelihood,
                null,
                null);
        Vqgan vqgan = new Vqgan(configuration, UNUSED, Devices.cpu());
        vqgan.opponent().load(weights("disc.", vqgan.opponent().all()));
        vqgan.parameters().load(weights("ae.", vqgan.parameters().all()));
        return vqgan;
    }

    /** Theirs under our names, without those that are stored but never used. */
    private Map<String, Tensor> weights(String prefix, Map<String, Tensor> ours) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        fixture.weights().forEach((name, tensor) -> {
            String own = name(name);
            boolean unused = own.contains(".nin_shortcut.") || own.startsWith("logsigma.");
            if (name.startsWith(prefix) && (ours.containsKey(own) || !unused)) {
                weights.put(own, tensor);
            }
        });
        return weights;
    }

    /** Our name of one of their tensors. Their layers are numbered in the order of computation. */
    private String name(String theirs) {
        Matcher block = BLOCK.matcher(theirs);
        if (block.matches()) {
            boolean encoder = block.group(1).equals("encoder");
            String layer = (encoder ? encoder() : decoder()).get(Integer.parseInt(block.group(2)));
            String part = block.group(3).replace("conv_out", "nin_shortcut");
            return (encoder ? "encoder." : "decoder.") + layer + "." + part;
        }
        return theirs.replaceFirst("^(disc|ae\\.generator|ae)\\.", "");
    }

    private List<String> encoder() {
        List<Integer> attention = Fixture.integers(settings.required("attn_resolutions"));
        int levels = settings.required("ch_mult").size();
        int resolution = settings.required("img_size").asInt();
        List<String> layers = new ArrayList<>(List.of("conv_in"));
        for (int level = 0; level < levels; level++, resolution /= 2) {
            blocks(layers, "down." + level, attention.contains(resolution));
            if (level < levels - 1) {
                layers.add("down." + level + ".downsample");
            }
        }
        layers.addAll(List.of("mid.block_1", "mid.attn_1", "mid.block_2", "norm_out", "conv_out"));
        return layers;
    }

    private List<String> decoder() {
        List<Integer> attention = Fixture.integers(settings.required("attn_resolutions"));
        int levels = settings.required("ch_mult").size();
        int resolution = settings.required("img_size").asInt() >> (levels - 1);
        List<String> layers = new ArrayList<>(List.of("conv_in", "mid.block_1", "mid.attn_1", "mid.block_2"));
        for (int level = levels - 1; level >= 0; level--, resolution *= 2) {
            blocks(layers, "up." + level, attention.contains(resolution));
            if (level > 0) {
                layers.add("up." + level + ".upsample");
            }
        }
        layers.addAll(List.of("norm_out", "conv_out"));
        return layers;
    }

    private void blocks(List<String> layers, String level, boolean attention) {
        for (int i = 0; i < settings.required("res_blocks").asInt(); i++) {
            layers.add(level + ".block." + i);
            if (attention) {
                layers.add(level + ".attn." + i);
            }
        }
    }

    @Test
    void encodes_and_quantizes_images() {
        Tensor map = vqgan.map(x);
        Quantized quantized = vqgan.quantizer().quantize(map, UNUSED);
        fixture.check("encoder", map);
        fixture.check("quant", quantized.vectors());
        fixture.check("codes", quantized.codes().flatten(1, 2));
        fixture.check("codebook_loss", quantized.loss());
        fixture.check("codes", vqgan.encode(x).flatten(1, 2));
        fixture.check("codebook_entry", vqgan.quantizer().lookUp(quantized.codes()));
    }

    @Test
    void measures_how_many_codes_are_in_even_use() {
        Loss loss = vqgan.objectives().get(0).loss(x, 0, UNUSED);
        fixture.check("perplexity", loss.measures().get("perplexity"));
    }

    @Test
    void decodes_codes() {
        fixture.check("recon", vqgan.decode(vqgan.encode(x)));
    }

    @Test
    void tells_real_from_made() {
        fixture.check("disc_eval_real", vqgan.discriminator().forward(x));
        fixture.check("disc_eval_fake", vqgan.discriminator().forward(vqgan.decode(vqgan.encode(x))));
        vqgan.opponent().training(true);
        fixture.check("disc_train_real", vqgan.discriminator().forward(x));
    }

    @Test
    void leaves_the_discriminator_out_before_the_start_step() {
        Loss loss = vqgan.objectives().get(0).loss(x, start - 1, UNUSED);
        checkParts("before_start.", loss);
        assertThat(loss.measures()).doesNotContainKey("generator");
        fixture.check("before_start.d_weight", Tensors.zeros());
        Tensor seen = vqgan.discriminator().forward(vqgan.decode(vqgan.encode(x)));
        fixture.check("before_start.g_loss", AdversarialLoss.HINGE.ofAutoencoder(seen));
        assertThat(vqgan.objectives().get(1).loss(x, start - 1, UNUSED)).isNull();
        loss.total().backward();
        checkGradients("before_start.grad.ae.");
    }

    @Test
    void trains_both_from_the_start_step() {
        checkIteration("after_start", UnaryOperator.identity(), UnaryOperator.identity());
    }

    @Test
    void trains_both_on_augmented_images() {
        checkIteration(
                "after_start_aug",
                made -> DiffAugment.apply(made, draws("train_u_fake_", "train_translation_fake_")),
                real -> DiffAugment.apply(real, draws("train_u_real_", "train_translation_real_")));
    }

    private void checkIteration(String name, UnaryOperator<Tensor> fake, UnaryOperator<Tensor> real) {
        vqgan.opponent().requireGradients(false);
        Loss loss = vqgan.autoencoderLoss(x, start, UNUSED, fake);
        checkParts(name + ".", loss);
        fixture.check(name + ".g_loss", loss.measures().get("generator"));
        fixture.check(name + ".d_weight", loss.measures().get("adaptive_weight"));
        loss.total().backward();
        checkGradients(name + ".grad.ae.");
        vqgan.opponent().requireGradients(true);
        Tensor opposed = vqgan.discriminatorLoss(x, real).total();
        fixture.check(name + ".d_loss", opposed);
        opposed.backward();
        fixture.checkAll(name + ".grad.disc.", UnaryOperator.identity(), gradients(vqgan.opponent()));
    }

    private void checkParts(String prefix, Loss loss) {
        fixture.check(prefix + "l1", loss.measures().get("reconstruction"));
        fixture.check(prefix + "nll_loss", loss.measures().get("reconstruction")); // without a perceptual loss the same
        fixture.check(prefix + "codebook_loss", loss.measures().get("codebook"));
        fixture.check(prefix + "loss", loss.total());
    }

    private void checkGradients(String prefix) {
        fixture.checkAll(prefix, theirs -> name("ae." + theirs), gradients(vqgan.parameters()));
    }

    @Test
    void has_the_likelihood_of_pixels() {
        try (Vqgan likely = vqgan(true)) {
            Tensor codes = likely.encode(x);
            Tensor features = likely.features(likely.quantizer().lookUp(codes));
            fixture.check("prob_mu", likely.decoder().image(features));
            fixture.check("prob_logsigma", likely.gaussian().logDeviation(features));
            Tensor nats = likely.pixelNats(x, codes);
            fixture.check("prob_nll_raw", nats);
            double bits = Math.log(2) * x.numel() / x.size(0);
            fixture.check("prob_nll_bits_per_dim", nats.mean().div(new Scalar(bits)));
        }
    }

    @Test
    void augments_images() {
        Tensor images = fixture.in("aug_x");
        DiffAugment.Draws draws = draws("aug_u_", "aug_translation_");
        fixture.check("aug_brightness", DiffAugment.brightness(images, draws.brightness()));
        fixture.check("aug_saturation", DiffAugment.saturation(images, draws.saturation()));
        fixture.check("aug_contrast", DiffAugment.contrast(images, draws.contrast()));
        fixture.check("aug_translation", DiffAugment.translation(images, draws.down(), draws.right()));
        fixture.check("aug_color_translation", DiffAugment.apply(images, draws));
    }

    private DiffAugment.Draws draws(String colour, String translation) {
        return new DiffAugment.Draws(
                fixture.in(colour + "brightness"),
                fixture.in(colour + "saturation"),
                fixture.in(colour + "contrast"),
                Tensors.toLongs(fixture.in(translation + "x")),
                Tensors.toLongs(fixture.in(translation + "y")));
    }
}
