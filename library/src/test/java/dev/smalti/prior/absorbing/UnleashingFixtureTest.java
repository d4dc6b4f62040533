package dev.smalti.prior.absorbing;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.corruption.Absorbing;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.Loss;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration.Masking;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Against samb-t/unleashing-transformers. Not compared: {@code loss_history} and {@code Lt_history}, which serve
 * importance sampling of t, which we don't have. The autoregressive model is compared in its own package.
 */
class UnleashingFixtureTest {
    private static final String NETWORK = "_denoise_fn.";
    private static final List<String> FUSED = List.of("query", "key", "value");

    private final Fixture fixture = Fixture.of("absorbing-unleashing");
    private final JsonNode settings = fixture.settings("H");
    private final int steps = settings.required("total_steps").asInt();
    private final double temperature = fixture.settings("temp").asDouble();
    private final TokenSpace space = space(Fixture.integers(settings.required("latent_shape")));

    private TokenSpace space(List<Integer> shape) {
        return new TokenSpace(settings.required("codebook_size").asInt(), shape.get(1), shape.get(2));
    }

    private AbsorbingDiffusion prior(AbsorbingConfiguration.Loss loss) {
        TransformerConfiguration network = new TransformerConfiguration(
                settings.required("bert_n_layers").asInt(),
                settings.required("bert_n_emb").asInt(),
                settings.required("bert_n_head").asInt(),
                0.0);
        AbsorbingConfiguration configuration =
                new AbsorbingConfiguration(network, steps, loss, Masking.INDEPENDENT, false, null);
        AbsorbingDiffusion prior = new AbsorbingDiffusion(configuration, space, 0, new Seed(0), Devices.cpu());
        prior.parameters().load(weights());
        return prior;
    }

    /** Theirs under our names, with query, key and value joined. */
    private Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        fixture.weights().forEach((name, tensor) -> {
            if (name.contains(".attn.query.")) {
                weights.put(
                        name.substring(NETWORK.length()).replace("query", "qkv"),
                        torch.cat(
                                new TensorVector(FUSED.stream()
                                        .map(part -> fixture.weights().get(name.replace("query", part)))
                                        .toArray(Tensor[]::new)),
                                0));
            } else if (name.startsWith(NETWORK)
                    && !name.matches(".*\\.attn\\.(key|value)\\..*")
                    && !name.endsWith("start_tok")) {
                weights.put(name.substring(NETWORK.length()), tensor);
            }
        });
        return weights;
    }

    /** Ours under their names, with query, key and value apart. */
    private static Map<String, Tensor> gradients(AbsorbingDiffusion prior) {
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
    void guesses_the_lost_tokens() {
        try (AbsorbingDiffusion prior = prior(null)) {
            Tensor xt = fixture.in("x_t");
            Tensor everywhere = torch.arange(new Scalar(xt.numel()), Tensors.options(ScalarType.Long));
            for (Tensor at : new Tensor[] {null, everywhere}) {
                fixture.check(
                        "logits", prior.network().logits(xt, null, null, at).view_as(fixture.out("logits")));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"elbo, ELBO", "reweighted_elbo, REWEIGHTED_ELBO_AS_RELEASED", "mlm, MASKED_TOKEN"})
    void has_the_loss(String theirs, AbsorbingConfiguration.Loss ours) {
        try (AbsorbingDiffusion prior = prior(ours)) {
            Loss loss = prior.trainingLoss(fixture.in("x_0"), null, fixture.in("train_t"), fixture.in("train_u"), null);
            String prefix = "train_" + theirs + ".";
            fixture.check(prefix + "loss", loss.total());
            fixture.check(prefix + "vb_loss", loss.measures().get("elbo_bits"));
            loss.total().backward();
            fixture.checkAll(prefix + "grad." + NETWORK, UnaryOperator.identity(), gradients(prior));
        }
    }

    @Test
    void masks_tokens_as_time_goes_by() {
        try (AbsorbingDiffusion prior = prior(null)) {
            Tensor lost = prior.lost(fixture.in("train_t"), fixture.in("train_u"));
            fixture.check("train_x_t", new Absorbing(space).mask(fixture.in("x_0"), lost));
        }
    }

    @Test
    void bounds_the_likelihood() {
        try (AbsorbingDiffusion prior = prior(null);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor x0 = fixture.in("x_0");
            Tensor nats = Tensors.zeros(x0.size(0));
            for (int t = steps; t >= 1; t--) {
                Tensor u = fixture.in("elbo_u").select(0, steps - t);
                Tensor entropy = prior.entropy(x0, null, null, prior.lost(Tensors.filled(t, x0.size(0)), u), null);
                nats = nats.add(entropy.sum(1).div(new Scalar((double) t)));
            }
            fixture.check("elbo", nats);
        }
    }

    @Test
    void draws_the_same_tokens_at_every_step() {
        try (AbsorbingDiffusion prior = prior(null)) {
            Tensor u = fixture.in("sample_u"); // [T', B, L]
            List<long[]> chain =
                    new ArrayList<>(List.of(Tensors.toLongs(Tensors.filled(space.mask(), u.size(1), space.length()))));
            StepWatcher watcher = (done, of, xt) -> chain.add(Tensors.toLongs(xt));
            Sampling sampling = Sampling.USUAL
                    .steps(fixture.settings("sample_steps").asInt())
                    .filter(new LogitFilter(temperature, 0, 1))
                    .unmasking(Unmasking.USUAL.reveal(Reveal.COINS));
            prior.sample(prior.draw(sampling, new Stored(u, fixture.in("sample_gumbel")))
                    .watcher(watcher));
            Tensor tokens = Tensors.cat(chain.stream().map(Tensors::longs).toList());
            fixture.check("sample_x_t", tokens.view(chain.size(), u.size(1), space.length()));
        }
    }

    /** Their other sampler, of our parts: masks what it has anew, with probability t/T, and fills it at temperature 1. */
    @Test
    void refills_the_same_tokens_at_every_step() {
        try (AbsorbingDiffusion prior = prior(null);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor u = fixture.in("mlm_u"); // [S, B, L]
            Tensor gumbel = fixture.in("mlm_gumbel");
            Absorbing absorbing = new Absorbing(space);
            Tensor x0 = Tensors.filled(space.mask(), u.size(1), space.length());
            List<Tensor> chain = new ArrayList<>();
            long count = u.size(0);
            for (long i = 0; i < count; i++) {
                long t = count == 1 ? 1 : (long) (1 + (steps - 1.0) * (count - 1 - i) / (count - 1));
                Tensor lost =
                        prior.lost(Tensors.filled(t, u.size(1)), u.select(0, i).to(ScalarType.Double));
                Tensor xt = absorbing.mask(x0, lost);
                Tensor at = absorbing.masked(xt).flatten().nonzero().squeeze(1);
                Tensor logits = prior.network().logits(xt, null, null, at);
                Tensor noise = Stored.exponential(gumbel.select(0, i), at);
                Tensor drawn = GumbelRace.draw(LogitFilter.NONE.logProbabilities(logits), noise);
                x0 = xt.flatten().index_copy(0, at, drawn).view_as(xt);
                chain.add(xt);
            }
            fixture.check("mlm_x_t", torch.stack(new TensorVector(chain.toArray(Tensor[]::new)), 0));
            fixture.check("mlm_x_0", x0);
        }
    }

    /** The random numbers that the reference drew. u [T', B, L], gumbel [T', B, L, K]. */
    private record Stored(Tensor u, Tensor gumbel) implements RandomStreams {
        @Override
        public long grids() {
            return u.size(1);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return u.select(0, step - 1).to(ScalarType.Double);
        }

        @Override
        public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
            return GumbelRace.draw(logProbabilities, exponential(gumbel.select(0, step - 1), at));
        }

        /** [B, L, K] -> [M, K] */
        static Tensor exponential(Tensor gumbel, Tensor at) {
            return gumbel.reshape(-1, gumbel.size(2))
                    .index_select(0, at)
                    .to(ScalarType.Double)
                    .neg()
                    .exp();
        }
    }
}
