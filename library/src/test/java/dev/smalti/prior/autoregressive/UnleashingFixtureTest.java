package dev.smalti.prior.autoregressive;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Loss;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

/**
 * Against the autoregressive model of samb-t/unleashing-transformers: all that the fixture has of it. Its other numbers are
 * the absorbing diffusion's.
 */
class UnleashingFixtureTest {
    private static final String NETWORK = "net.";
    private static final List<String> FUSED = List.of("query", "key", "value");

    private final Fixture fixture = Fixture.of("absorbing-unleashing");
    private final JsonNode settings = fixture.settings("H");
    private final TokenSpace space = space(Fixture.integers(settings.required("latent_shape")));

    private TokenSpace space(List<Integer> shape) {
        return new TokenSpace(settings.required("codebook_size").asInt(), shape.get(1), shape.get(2));
    }

    private AutoregressiveTransformer prior() {
        TransformerConfiguration network = new TransformerConfiguration(
                settings.required("bert_n_layers").asInt(),
                settings.required("bert_n_emb").asInt(),
                settings.required("bert_n_head").asInt(),
                0.0);
        AutoregressiveTransformer prior = new AutoregressiveTransformer(
                new AutoregressiveConfiguration(network, false, null), space, 0, new Seed(0), Devices.cpu());
        prior.parameters().load(weights());
        return prior;
    }

    /** Theirs under our names, with query, key and value joined, and without the causal masks. */
    private Map<String, Tensor> weights() {
        Map<String, Tensor> theirs = fixture.weights("weights_autoregressive");
        Map<String, Tensor> weights = new LinkedHashMap<>();
        theirs.forEach((name, tensor) -> {
            String own = name.substring(NETWORK.length());
            if (name.contains(".attn.query.")) {
                weights.put(
                        own.replace("query", "qkv"),
                        Tensors.cat(FUSED.stream()
                                .map(part -> theirs.get(name.replace("query", part)))
                                .toList()));
            } else if (!name.matches(".*\\.attn\\.(key|value|mask)\\b.*")) {
                weights.put(own, tensor);
            }
        });
        return weights;
    }

    /** Ours under their names, with query, key and value apart. */
    private static Map<String, Tensor> gradients(AutoregressiveTransformer prior) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        prior.parameters().weights().forEach((name, weight) -> {
            Tensor gradient = weight.grad();
            if (name.contains(".qkv.")) {
                long width = gradient.size(0) / FUSED.size();
                for (int i = 0; i < FUSED.size(); i++) {
                    gradients.put(name.replace("qkv", FUSED.get(i)), gradient.narrow(0, i * width, width));
                }
            } else {
                gradients.put(name, gradient);
            }
        });
        return gradients;
    }

    @Test
    void guesses_every_token_from_those_before_it() {
        try (AutoregressiveTransformer prior = prior()) {
            fixture.check(
                    "ar_logits", prior.network().logits(fixture.in("x_0"), null).view_as(fixture.out("ar_logits")));
        }
    }

    @Test
    void guesses_the_same_with_keys_and_values_kept() {
        try (AutoregressiveTransformer prior = prior();
                NoGradGuard guard = new NoGradGuard()) {
            Tensor x = fixture.in("x_0");
            var cache = prior.network().cache(x.size(0));
            Tensor[] logits = new Tensor[Math.toIntExact(space.length())];
            for (int i = 0; i < logits.length; i++) {
                Tensor previous = i == 0 ? null : x.select(1, i - 1);
                logits[i] = prior.network().next(previous, null, cache).unsqueeze(1);
            }
            fixture.check("ar_logits", Tensors.cat(1, logits));
        }
    }

    @Test
    void has_the_loss_and_its_gradients() {
        try (AutoregressiveTransformer prior = prior()) {
            Loss loss = prior.trainingLoss(fixture.in("x_0"), null);
            fixture.check("ar_loss", loss.total());
            loss.total().backward();
            fixture.checkAll("ar_grad.", name -> name.substring(NETWORK.length()), gradients(prior));
        }
    }

    @Test
    void has_the_likelihood_of_which_the_loss_is_the_mean_in_bits() {
        try (AutoregressiveTransformer prior = prior()) {
            Tensor nats = prior.negativeLogLikelihood(new TokenBatch(fixture.in("x_0"), null), new Seed(1));
            fixture.check("ar_loss", nats.mean().div(new Scalar(space.length() * Math.log(2))));
        }
    }

    @Test
    void draws_the_same_tokens() {
        try (AutoregressiveTransformer prior = prior()) {
            Sampling sampling = Sampling.USUAL.filter(
                    new LogitFilter(fixture.settings("temp").asDouble(), 0, 1));
            Tensor gumbel = fixture.in("ar_gumbel"); // [S, B, K]
            Tensor drawn =
                    prior.sample(prior.draw(sampling, new Stored(gumbel))).flatten(1, 2); // [B, L]
            fixture.check("ar_sample", drawn.narrow(1, 0, gumbel.size(0)));
        }
    }

    /** The noise that the reference drew for the first tokens, gumbel [S, B, K], and none for those that follow. */
    private record Stored(Tensor gumbel) implements RandomStreams {
        @Override
        public long grids() {
            return gumbel.size(1);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return Tensors.zeros(grids(), length).to(ScalarType.Double);
        }

        @Override
        public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
            if (step > gumbel.size(0)) {
                return RandomStreams.super.pick(step, at, length, logProbabilities);
            }
            return GumbelRace.draw(
                    logProbabilities,
                    gumbel.select(0, step - 1).to(ScalarType.Double).neg().exp());
        }
    }
}
