package dev.smalti.prior.sedd;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.Noise;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.ReverseProcess;
import dev.smalti.prior.sedd.SeddConfiguration.Parametrisation;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Against kuleshov-group/mdlm, whose masked diffusion is SEDD with the exact parametrisation. Not compared:
 * {@code loss_d3pm}, in which the network also gives the mask a probability, which no network here can.
 */
class MdlmFixtureTest {
    private static final double FIRST = 1e-3;

    private final Fixture fixture = Fixture.of("mdlm");
    private final int batch = fixture.settings("batch").asInt();
    private final int vocabulary = fixture.settings("vocab").asInt();

    private NetworkConfiguration network() {
        JsonNode model = fixture.settings("model");
        return new DiffusionTransformerConfiguration(
                model.required("n_blocks").asInt(),
                model.required("hidden_size").asInt(),
                model.required("n_heads").asInt(),
                model.required("cond_dim").asInt(),
                null,
                false,
                null);
    }

    /** The same network that is always told σ = 0. */
    private NetworkConfiguration untimed() {
        return (parameters, shape) -> {
            Denoiser inner = network().build(parameters, shape);
            return (xt, time, label, at) -> inner.logits(xt, torch.zeros_like(time), label, at);
        };
    }

    private Sedd prior(NetworkConfiguration network, Parametrisation parametrisation, Noise noise) {
        int length = fixture.settings("model").required("length").asInt();
        SeddConfiguration configuration =
                new SeddConfiguration(network, null, noise, parametrisation, null, null, null, false, null);
        Sedd prior = new Sedd(configuration, new TokenSpace(vocabulary, 1, length), 0, new Seed(0), Devices.cpu());
        Map<String, Tensor> weights = new LinkedHashMap<>();
        fixture.weights().forEach((name, tensor) -> weights.put(name.substring("backbone.".length()), tensor));
        weights.remove("rotary_emb.inv_freq"); // ours follow from the shape
        prior.parameters().load(weights);
        return prior;
    }

    private Sedd exact() {
        return prior(untimed(), Parametrisation.EXACT, null);
    }

    @ParameterizedTest
    @CsvSource({"loglinear, LOG_LINEAR, 1e-4", "cosine, COSINE, 4e-4", "cosinesqr, COSINE_SQUARED, 1e-4"})
    void has_the_schedules(String name, Noise.Shape shape, double tolerance) {
        Tensor t = fixture.in("t").to(ScalarType.Double);
        fixture.check(name + ".total", Noise.of(shape).total(t));
        fixture.check(name + ".rate", Noise.of(shape).rate(t), tolerance);
    }

    @Test
    void gives_the_logits() {
        try (Sedd prior = prior(network(), null, null)) {
            Tensor logits = prior.network().logits(fixture.in("x"), fixture.in("sigma"), null, null);
            fixture.check("backbone_logits", logits.view_as(fixture.out("backbone_logits")));
        }
    }

    /** What is impossible is stored as -100. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void gives_the_probabilities_of_clean_tokens(boolean timed) {
        try (Sedd prior = prior(timed ? network() : untimed(), Parametrisation.EXACT, null)) {
            Tensor x = fixture.in("x");
            Tensor sigma = fixture.in("sigma");
            Tensor score = prior.logScore(x, sigma, null, null); // ln p - ln (e^σ - 1), and 0 for the token itself
            Tensor log = score.view(batch, -1, vocabulary + 1)
                    .add(sigma.expm1().log().view(-1, 1, 1));
            Tensor impossible = torch.full_like(log, new Scalar(-100.0));
            Tensor known = new Absorbing(prior.space()).masked(x).logical_not().unsqueeze(2);
            log = log.scatter(
                    2, torch.full_like(x, new Scalar((long) vocabulary)).unsqueeze(2), new Scalar(-100.0));
            Tensor own = impossible.scatter(2, x.unsqueeze(2), new Scalar(0.0));
            fixture.check("subs_log_probs" + (timed ? "_timecond" : ""), own.where(known, log));
        }
    }

    /** t of the draws: in as many parts as there are grids, or each on its own. */
    private Tensor times(boolean antithetic) {
        Tensor u = fixture.in("u_t").to(ScalarType.Double);
        if (antithetic) {
            Tensor part = torch.arange(new Scalar((long) batch), Tensors.options(ScalarType.Double));
            u = u.add(part).div(new Scalar((double) batch)).remainder(new Scalar(1.0));
        }
        return u.mul(new Scalar(1 - FIRST)).add(new Scalar(FIRST));
    }

    /** Their importance sampling: even in the logarithm of the share of masked tokens, by which the loss's weight is even. */
    private Tensor important(Tensor t) {
        Noise noise = Noise.of(Noise.Shape.LOG_LINEAR);
        double least = least(noise);
        double most = share(noise.total(Tensors.doubles(1)).item_double());
        Tensor log = t.mul(new Scalar(Math.log(most) - Math.log(least))).add(new Scalar(Math.log(least)));
        return log.exp().div(new Scalar(1 - FIRST));
    }

    private static double least(Noise noise) {
        return share(noise.total(Tensors.doubles(0)).item_double() + FIRST);
    }

    private static double share(double sigma) {
        return -Math.expm1(-sigma);
    }

    @ParameterizedTest
    @CsvSource({
        "subs, false, EXACT",
        "subs_timecond, true, EXACT",
        "subs_importance, false, EXACT",
        "subs_no_antithetic, false, EXACT",
        "sedd, true, SCORE"
    })
    void has_the_losses_and_their_gradients(String name, boolean timed, Parametrisation parametrisation) {
        Noise noise = Noise.of(Noise.Shape.LOG_LINEAR);
        String prefix = "loss_" + name + ".";
        try (Sedd prior = prior(timed ? network() : untimed(), parametrisation, noise)) {
            boolean important = name.endsWith("importance");
            Tensor u = times(!name.endsWith("no_antithetic"));
            Tensor t = important ? important(u) : u;
            Tensor sigma = noise.total(t);
            Tensor weight = important ? sigma.expm1().mul(new Scalar(-Math.log(least(noise)))) : noise.rate(t);
            Tensor x0 = fixture.in("x0");
            Tensor x = prior.graph().corrupt(x0, sigma, fixture.in("u_mask").to(ScalarType.Double));
            fixture.check(prefix + "xt", x);
            Tensor mask = fixture.in("attention_mask");
            Tensor nats = prior.entropy(x, x0, null, sigma.to(ScalarType.Float))
                    .mul(weight.to(ScalarType.Float).unsqueeze(1))
                    .mul(mask);
            checkLoss(prefix, nats, mask, prior);
        }
    }

    private void checkLoss(String prefix, Tensor nats, Tensor mask, Sedd prior) {
        fixture.check(prefix + "nlls", nats);
        Tensor loss = nats.sum().div(mask.sum());
        fixture.check(prefix + "loss", loss);
        loss.backward();
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        prior.parameters().weights().forEach((key, value) -> gradients.put("backbone." + key, value.grad()));
        fixture.checkAll(prefix + "grad.", UnaryOperator.identity(), gradients);
    }

    /** In T steps it is absorbing diffusion, whose bound D3PM's chain with a mask has. */
    @Test
    void has_the_loss_of_discrete_time_and_its_gradients() {
        int steps = fixture.settings("T_discrete").asInt();
        try (Sedd prior = exact()) {
            TokenSpace space = prior.space();
            ReverseProcess reversal =
                    new ReverseProcess(space, new Absorbing(space), Schedule.absorbing(steps), Posterior.NORMALISED);
            Tensor t = times(true)
                    .mul(new Scalar((double) steps))
                    .to(ScalarType.Long)
                    .add(new Scalar(1L)); // 1..T
            Tensor mask = fixture.in("attention_mask");
            Tensor nats = reversal.terms(
                            (xt, time, label, at) ->
                                    prior.network().logits(xt, time, label, at).narrow(1, 0, vocabulary),
                            fixture.in("x0"),
                            fixture.out("loss_subs_T.xt"),
                            t,
                            null)
                    .divergence()
                    .mul(new Scalar((double) steps))
                    .mul(mask);
            checkLoss("loss_subs_T.", nats, mask, prior);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ddpm", "ddpm_cache", "analytic"})
    void takes_the_same_step(String name) {
        // the cached one leaves the schedule's ε out
        Noise noise = new Noise(null, name.equals("ddpm_cache") ? 1e-12 : 1e-3, null, null);
        try (Sedd prior = prior(untimed(), Parametrisation.EXACT, noise);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor x = fixture.in("x");
            double[] times = Tensors.toDoubles(fixture.in("t_step"));
            Tensor u = fixture.in("u_step");
            List<Tensor> probabilities = new ArrayList<>();
            List<Tensor> next = new ArrayList<>();
            for (int i = 0; i < times.length; i++) {
                double t = times[i];
                double sigma = noise.total(Tensors.doubles(t)).item_double();
                double before = noise.total(Tensors.doubles(t - 0.1)).item_double();
                Tensor own = x.narrow(0, i, 1);
                Tensor score = prior.logScore(own, Tensors.floats((float) sigma), null, null)
                        .to(ScalarType.Double)
                        .exp();
                // theirs but the analytic ones are not divided by the share of masked tokens
                double scale = name.equals("analytic") ? 1 : share(sigma);
                probabilities.add(
                        prior.analytic(own.flatten(), score, sigma - before).mul(new Scalar(scale)));
                next.add(prior.step(
                        draw(prior, u.narrow(0, i, 1)),
                        own,
                        new Step(1, 2, t, t - 0.1, prior::logScore, LogitFilter.NONE)));
            }
            fixture.check("step_" + name + ".x_next", Tensors.cat(next));
            Tensor all = torch.stack(new TensorVector(probabilities.toArray(Tensor[]::new)), 0);
            if (!name.equals("analytic")) { // theirs are also given where nothing is drawn
                Tensor masked = new Absorbing(prior.space()).masked(x).unsqueeze(2);
                all = all.where(masked, fixture.out("step_" + name + ".probs").to(ScalarType.Double));
            }
            fixture.check("step_" + name + ".probs", all);
        }
    }

    /** Their last step takes the likeliest tokens. */
    @ParameterizedTest
    @ValueSource(strings = {"ddpm", "ddpm_cache"})
    void draws_the_same_tokens_from_noise(String name) {
        Noise noise = new Noise(null, name.equals("ddpm_cache") ? 1e-12 : 1e-3, null, null);
        try (Sedd prior = prior(untimed(), Parametrisation.EXACT, noise);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor u = fixture.in("u_chain"); // [S', B, L, S]
            int steps = (int) u.size(0);
            double dt = (1 - 1e-5) / steps;
            Tensor x = Tensors.filled(vocabulary, batch, u.size(2));
            List<Tensor> chain = new ArrayList<>();
            for (int i = 0; i < steps; i++) {
                chain.add(x);
                double t = 1 - i * dt;
                x = prior.step(
                        draw(prior, u.select(0, i)),
                        x,
                        new Step(i + 1, steps + 1, t, t - dt, prior::logScore, LogitFilter.NONE));
            }
            Tensor score = prior.logScore(x, torch.zeros(new long[] {batch}), null, null);
            Tensor likeliest = torch.argmax(score.narrow(1, 0, vocabulary), new LongOptional(-1), false)
                    .view_as(x);
            chain.add(likeliest.where(new Absorbing(prior.space()).masked(x), x));
            fixture.check("chain_" + name + ".x", torch.stack(new TensorVector(chain.toArray(Tensor[]::new)), 0));
        }
    }

    /** The uniform numbers of one step. [B, L, S] */
    private record Stored(Tensor u) implements RandomStreams {
        @Override
        public long grids() {
            return u.size(0);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            throw new IllegalStateException("a step draws none");
        }

        @Override
        public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
            Tensor own =
                    u.reshape(-1, logProbabilities.size(1)).index_select(0, at).to(ScalarType.Double);
            Tensor exponential = own.add(new Scalar(1e-10)).log().neg().add(new Scalar(1e-10));
            return GumbelRace.draw(logProbabilities, exponential);
        }
    }

    private static GridDraw draw(Sedd prior, Tensor u) {
        return prior.draw(Sampling.USUAL, new Stored(u));
    }
}
