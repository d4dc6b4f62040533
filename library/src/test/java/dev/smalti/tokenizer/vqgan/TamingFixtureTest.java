package dev.smalti.tokenizer.vqgan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.network.Loss;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.quantize.VectorQuantizer.Quantized;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Against CompVis/taming-transformers, whose names of tensors are ours. Not compared: {@code vanilla_d_loss}, which we
 * don't have.
 */
class TamingFixtureTest {
    private static final String OPPONENT = "loss.discriminator.";
    private static final Seed UNUSED = new Seed(0);

    private final Fixture fixture = Fixture.of("vqgan-taming");
    private final JsonNode sizes = fixture.settings("ddconfig");
    private final JsonNode losses = fixture.settings("disc");
    private final long start = losses.required("disc_start").asLong();
    private final Tensor x = fixture.in("x");
    private Vqgan vqgan;

    @BeforeEach
    void build() {
        vqgan = vqgan(true);
    }

    @AfterEach
    void close() {
        vqgan.close();
    }

    private Vqgan vqgan(boolean legacy) {
        AdversarialConfiguration adversarial = new AdversarialConfiguration(
                start,
                losses.required("disc_weight").asDouble(),
                1e4,
                losses.required("disc_ndf").asInt(),
                losses.required("disc_num_layers").asInt(),
                false,
                AdversarialLoss.HINGE);
        int dimension = fixture.settings("embed_dim").asInt();
        VqganConfiguration configuration = new VqganConfiguration(
                sizes.required("resolution").asInt(),
                sizes.required("ch").asInt(),
                Fixture.integers(sizes.required("ch_mult")),
                sizes.required("num_res_blocks").asInt(),
                sizes.required("num_res_blocks").asInt() + 1,
                Fixture.integers(sizes.required("attn_resolutions")),
                1,
                sizes.required("z_channels").asInt(),
                true,
                true,
                new CodebookConfiguration(
                        fixture.settings("n_embed").asInt(), dimension, Update.GRADIENT, 0.25, legacy, null, null),
                adversarial,
                false,
                null,
                null);
        Vqgan vqgan = new Vqgan(configuration, UNUSED, Devices.cpu());
        vqgan.opponent().load(weights(true));
        vqgan.parameters().load(weights(false));
        return vqgan;
    }

    private Map<String, Tensor> weights(boolean opponent) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        fixture.weights().forEach((name, tensor) -> {
            if (name.startsWith(OPPONENT) == opponent) {
                weights.put(opponent ? name.substring(OPPONENT.length()) : name, tensor);
            }
        });
        return weights;
    }

    @Test
    void encodes_images() {
        fixture.check("encoder", vqgan.encoder().forward(x));
        fixture.check("pre_quant", vqgan.map(x));
        fixture.check("codes", vqgan.encode(x).flatten(1, 2));
    }

    @Test
    void quantizes_a_map() {
        Quantized quantized = vqgan.quantizer().quantize(vqgan.map(x), UNUSED);
        fixture.check("codes", quantized.codes().flatten(1, 2));
        fixture.check("quant", quantized.vectors());
        fixture.check("codebook_entry", vqgan.quantizer().lookUp(quantized.codes()));
        fixture.check("codebook_loss", quantized.loss());
    }

    @Test
    void puts_the_commitment_weight_on_the_encoders_term_when_it_is_not_legacy() {
        try (Vqgan proper = vqgan(false)) {
            fixture.check(
                    "codebook_loss_nonlegacy",
                    proper.quantizer().quantize(proper.map(x), UNUSED).loss());
        }
    }

    @Test
    void decodes_vectors_and_codes() {
        Tensor vectors = vqgan.quantizer().quantize(vqgan.map(x), UNUSED).vectors();
        fixture.check("post_quant", vqgan.latent(vectors));
        fixture.check("recon", vqgan.decoder().image(vqgan.features(vectors)));
        fixture.check("recon_from_codes", vqgan.decode(vqgan.encode(x)));
    }

    @Test
    void tells_real_from_made() {
        fixture.check("disc_eval_real", vqgan.discriminator().forward(x));
        fixture.check("disc_eval_fake", vqgan.discriminator().forward(vqgan.decode(vqgan.encode(x))));
        vqgan.opponent().training(true);
        fixture.check("disc_train_real", vqgan.discriminator().forward(x));
        fixture.checkAll(
                "disc_after_train.", UnaryOperator.identity(), vqgan.opponent().buffers());
    }

    @Test
    void leaves_the_discriminator_out_before_the_start_step() {
        Loss loss = vqgan.objectives().get(0).loss(x, 0, UNUSED);
        checkGenerator("gen_before_start.", loss);
        assertThat(loss.measures()).doesNotContainKey("generator");
        fixture.check("gen_before_start.disc_factor", Tensors.zeros());
        Tensor reconstruction = vqgan.decode(vqgan.encode(x));
        Tensor adversarial =
                AdversarialLoss.HINGE.ofAutoencoder(vqgan.discriminator().forward(reconstruction));
        Tensor difference = vqgan.reconstructionLoss(x, reconstruction);
        fixture.check("gen_before_start.g_loss", adversarial);
        fixture.check(
                "gen_before_start.d_weight",
                vqgan.adaptiveWeight(difference, adversarial, vqgan.decoder().lastWeight()));
        assertThat(vqgan.objectives().get(1).loss(x, 0, UNUSED)).isNull();
        fixture.check("disc_before_start.loss", Tensors.zeros());
    }

    @Test
    void trains_the_autoencoder_against_the_discriminator_from_the_start_step() {
        Loss loss = vqgan.objectives().get(0).loss(x, start, UNUSED);
        checkGenerator("gen_at_start.", loss);
        fixture.check("gen_at_start.disc_factor", Tensors.ones());
        fixture.check("gen_at_start.g_loss", loss.measures().get("generator"));
        fixture.check("gen_at_start.d_weight", loss.measures().get("adaptive_weight"));
        total(loss).backward();
        fixture.checkAll("grad.", UnaryOperator.identity(), gradients(vqgan.parameters()));
    }

    @Test
    void trains_the_discriminator_from_the_start_step() {
        vqgan.opponent().requireGradients(false);
        vqgan.objectives().get(0).loss(x, start, UNUSED);
        vqgan.opponent().requireGradients(true);
        Tensor loss = vqgan.objectives().get(1).loss(x, start, UNUSED).total();
        fixture.check("disc_at_start.loss", loss);
        loss.backward();
        fixture.checkAll("grad_disc.", name -> name.substring(OPPONENT.length()), gradients(vqgan.opponent()));
    }

    @Test
    void balances_the_two_gradients() {
        double[] theirs = Tensors.toDoubles(fixture.out("adaptive_weight"));
        for (int i = 0; i < theirs.length; i++) {
            Tensor ours = vqgan.adaptiveWeight(
                    fixture.in("grad_nll").select(0, i), fixture.in("grad_g").select(0, i));
            assertThat(ours.item_double()).as("weight " + i).isCloseTo(theirs[i], within(1e-5 * theirs[i]));
        }
    }

    @Test
    void has_the_hinge_loss() {
        fixture.check(
                "hinge_d_loss",
                AdversarialLoss.HINGE.ofDiscriminator(fixture.in("logits_real"), fixture.in("logits_fake")));
    }

    private void checkGenerator(String prefix, Loss loss) {
        fixture.check(prefix + "nll_loss", loss.measures().get("reconstruction"));
        fixture.check(prefix + "quant_loss", loss.measures().get("codebook"));
        fixture.check(prefix + "total", total(loss));
    }

    /** The whole loss with the reference's weight of the codebook's, which with us is 1. */
    private Tensor total(Loss loss) {
        double more = losses.required("codebook_weight").asDouble() - 1;
        return loss.total().add(loss.measures().get("codebook").mul(new Scalar(more)));
    }

    static Map<String, Tensor> gradients(Parameters parameters) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        parameters.weights().forEach((name, weight) -> {
            if (weight.grad().defined()) {
                gradients.put(name, weight.grad());
            }
        });
        return gradients;
    }
}
