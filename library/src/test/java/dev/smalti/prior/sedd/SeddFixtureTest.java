package dev.smalti.prior.sedd;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.corruption.Noise;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.sedd.SeddConfiguration.Predictor;
import dev.smalti.prior.sedd.SeddConfiguration.Steps;
import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
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
import org.junit.jupiter.params.provider.EnumSource;

/** Against louaaron/Score-Entropy-Discrete-Diffusion: all that its fixture holds. */
class SeddFixtureTest {
    private final Fixture fixture = Fixture.of("sedd");
    private final JsonNode geometric = fixture.settings("geometric");
    private final int steps = fixture.settings("steps").asInt();

    private static String name(Transitions transitions) {
        return transitions.name().toLowerCase(Locale.ROOT);
    }

    private Noise geometric() {
        return new Noise(
                Noise.Shape.GEOMETRIC,
                null,
                geometric.required("sigma_min").asDouble(),
                geometric.required("sigma_max").asDouble());
    }

    /** Theirs has no classes and a row of tokens. */
    private Sedd prior(Transitions transitions, Noise noise, Predictor predictor) {
        JsonNode settings = fixture.settings(name(transitions));
        JsonNode model = settings.required("model");
        DiffusionTransformerConfiguration network = new DiffusionTransformerConfiguration(
                model.required("n_blocks").asInt(),
                model.required("hidden_size").asInt(),
                model.required("n_heads").asInt(),
                model.required("cond_dim").asInt(),
                null,
                false,
                null);
        SeddConfiguration configuration = new SeddConfiguration(
                network,
                transitions,
                noise,
                null,
                model.required("scale_by_sigma").asBoolean(),
                null,
                new Steps(steps, predictor, null),
                false,
                null);
        TokenSpace space = new TokenSpace(
                settings.required("tokens").asInt(),
                1,
                fixture.settings("length").asInt());
        Sedd prior = new Sedd(configuration, space, 0, new Seed(0), Devices.cpu());
        Map<String, Tensor> weights = new LinkedHashMap<>(
                transitions == Transitions.ABSORB ? fixture.weights() : fixture.weights("weights_uniform"));
        weights.remove("rotary_emb.inv_freq"); // ours follow from the shape
        prior.parameters().load(weights);
        return prior;
    }

    private Sedd prior(Transitions transitions) {
        return prior(transitions, null, null);
    }

    @Test
    void has_the_schedules() {
        Tensor t = fixture.in("t");
        for (Noise noise : List.of(Noise.of(Noise.Shape.LOG_LINEAR), geometric())) {
            String name = noise.shape() == Noise.Shape.GEOMETRIC ? "geometric" : "loglinear";
            fixture.check(name + ".total", noise.total(t));
            fixture.check(name + ".rate", noise.rate(t));
        }
    }

    @ParameterizedTest
    @EnumSource
    void gives_the_ratios(Transitions transitions) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions)) {
            Tensor score = prior.logScore(fixture.in(g + "x"), fixture.in(g + "sigma"), null, null);
            fixture.check(g + "model_output", score.view_as(fixture.out(g + "model_output")));
        }
    }

    @ParameterizedTest
    @EnumSource
    void knows_the_chain_and_the_way_back(Transitions transitions) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions)) {
            Graph graph = prior.graph();
            Tensor like = fixture.in(g + "log_score"); // [B, L, S]
            Tensor x = fixture.in(g + "x").flatten(); // [M]
            Tensor score = like.flatten(0, 1).exp(); // [M, S]
            Tensor d = fixture.in(g + "dsigma").flatten().repeat_interleave(like.size(1));
            fixture.check(g + "transp_rate", graph.transposedRate(x).view_as(like));
            fixture.check(g + "reverse_rate", graph.reverseRate(x, score).view_as(like));
            fixture.check(
                    g + "transp_transition", graph.transposedTransition(x, d).view_as(like));
            fixture.check(g + "staggered_score", graph.staggered(score, d).view_as(like));
            // a row of the matrix, from its columns
            Tensor all = torch.arange(new Scalar(graph.states()), Tensors.options(ScalarType.Long));
            Tensor rates = graph.transposedRate(all).t().contiguous(); // [S, S], from, to
            fixture.check(g + "rate", rates.index_select(0, x).view_as(like));
            if (transitions == Transitions.UNIFORM) {
                fixture.check(g + "transition", graph.transposedTransition(x, d).view_as(like)); // symmetric
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void loses_the_same_tokens(Transitions transitions) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions)) {
            Tensor sigma = fixture.in(g + "sigma").to(ScalarType.Double);
            Tensor u = fixture.in(g + "u_transition").to(ScalarType.Double);
            if (transitions == Transitions.UNIFORM) { // ours also chooses the code
                Tensor share = sigma.neg().expm1().neg().unsqueeze(1); // of touched tokens
                Tensor code = toUniform(
                        fixture.in(g + "randint_transition"), prior.space().codes());
                u = code.mul(share).where(u.lt(share), u);
            }
            Tensor x = prior.graph().corrupt(fixture.in(g + "x0"), sigma, u);
            fixture.check(g + "sample_transition", x);
        }
    }

    @ParameterizedTest
    @EnumSource
    void has_the_score_entropy(Transitions transitions) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions)) {
            Tensor like = fixture.in(g + "log_score");
            Tensor entropy = prior.graph()
                    .scoreEntropy(
                            like.flatten(0, 1),
                            fixture.in(g + "sigma").repeat_interleave(like.size(1)),
                            fixture.in(g + "x").flatten(),
                            fixture.in(g + "x0").flatten());
            double tolerance = transitions == Transitions.UNIFORM ? 2e-4 : 1e-4;
            fixture.check(g + "score_entropy", entropy.view_as(fixture.in(g + "x0")), tolerance);
        }
    }

    @ParameterizedTest
    @EnumSource
    void has_the_loss_and_its_gradient(Transitions transitions) {
        String g = name(transitions) + ".";
        Tensor x = fixture.in(g + "x");
        Tensor x0 = fixture.in(g + "x0");
        Tensor t = fixture.in(g + "loss_t");
        try (Sedd prior = prior(transitions)) {
            Tensor loss = prior.trainingLoss(x, x0, null, t);
            fixture.check(g + "loss_loglinear", loss);
            loss.mean().backward();
            Map<String, Tensor> gradients = new LinkedHashMap<>();
            prior.parameters().weights().forEach((name, weight) -> gradients.put(name, weight.grad()));
            fixture.checkAll(g + "grad.", UnaryOperator.identity(), gradients);
        }
        try (Sedd prior = prior(transitions, geometric(), null)) {
            double tolerance = transitions == Transitions.UNIFORM ? 2e-4 : 1e-4;
            fixture.check(g + "loss_geometric", prior.trainingLoss(x, x0, null, t), tolerance);
        }
    }

    @ParameterizedTest
    @CsvSource({"ABSORB, EULER", "ABSORB, ANALYTIC", "UNIFORM, EULER", "UNIFORM, ANALYTIC"})
    void takes_the_same_step(Transitions transitions, Predictor predictor) {
        String g = name(transitions) + ".";
        String p = g + "step_" + predictor.name().toLowerCase(Locale.ROOT) + ".";
        try (Sedd prior = prior(transitions, null, predictor);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor x = fixture.in(g + "x");
            Tensor u = fixture.in(p.replace(".step_", ".u_step_").substring(0, p.length() + 1));
            List<Tensor> probabilities = new ArrayList<>();
            List<Tensor> next = new ArrayList<>();
            double[] times = Tensors.toDoubles(fixture.in(g + "t_step"));
            for (int i = 0; i < times.length; i++) { // each grid has its own time
                Noise noise = Noise.of(Noise.Shape.LOG_LINEAR);
                double t = times[i];
                double sigma = noise.total(Tensors.doubles(t)).item_double();
                Tensor own = x.narrow(0, i, 1);
                Tensor flat = own.flatten();
                Tensor score = prior.logScore(own, Tensors.floats((float) sigma), null, null)
                        .to(ScalarType.Double)
                        .exp();
                double rate = noise.rate(Tensors.doubles(t)).item_double();
                double before = noise.total(Tensors.doubles(t - 0.1)).item_double();
                probabilities.add(
                        predictor == Predictor.EULER
                                ? prior.euler(flat, score, 0.1 * rate)
                                : prior.analytic(flat, score, sigma - before));
                GridDraw draw = prior.draw(Sampling.USUAL, new Stored(List.of(u.narrow(0, i, 1)), null));
                next.add(prior.step(draw, own, new Step(1, 2, t, t - 0.1, prior::logScore, LogitFilter.NONE)));
            }
            fixture.check(p + "probs", torch.stack(new TensorVector(probabilities.toArray(Tensor[]::new)), 0));
            fixture.check(p + "x_next", Tensors.cat(next));
        }
    }

    @ParameterizedTest
    @EnumSource
    void denoises_to_the_same_tokens(Transitions transitions) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions);
                NoGradGuard guard = new NoGradGuard()) {
            Tensor x = fixture.in(g + "x");
            Tensor t = fixture.in(g + "t_step");
            Tensor sigma = Noise.of(Noise.Shape.LOG_LINEAR).total(t);
            fixture.check(g + "denoise.sigma", sigma);
            Tensor u = fixture.in(g + "u_denoise");
            List<Tensor> probabilities = new ArrayList<>();
            List<Tensor> next = new ArrayList<>();
            double[] times = Tensors.toDoubles(t);
            double[] sigmas = Tensors.toDoubles(sigma);
            for (int i = 0; i < times.length; i++) {
                Tensor own = x.narrow(0, i, 1);
                Tensor score = prior.logScore(own, Tensors.floats((float) sigmas[i]), null, null)
                        .to(ScalarType.Double)
                        .exp();
                probabilities.add(prior.analytic(own.flatten(), score, sigmas[i])
                        .narrow(1, 0, prior.space().codes()));
                GridDraw draw = prior.draw(Sampling.USUAL, new Stored(List.of(u.narrow(0, i, 1)), null));
                next.add(prior.step(draw, own, new Step(1, 1, times[i], 0, prior::logScore, LogitFilter.NONE)));
            }
            fixture.check(g + "denoise.probs", torch.stack(new TensorVector(probabilities.toArray(Tensor[]::new)), 0));
            fixture.check(g + "denoise.x_next", Tensors.cat(next));
        }
    }

    @ParameterizedTest
    @CsvSource({"ABSORB, EULER", "ABSORB, ANALYTIC", "UNIFORM, EULER", "UNIFORM, ANALYTIC"})
    void draws_the_same_tokens_from_noise(Transitions transitions, Predictor predictor) {
        String g = name(transitions) + ".";
        try (Sedd prior = prior(transitions, null, predictor)) {
            Tensor chain = fixture.in(g + "u_chain"); // [S', B, L, S]
            List<Tensor> noise = new ArrayList<>();
            for (int i = 0; i < steps; i++) {
                noise.add(chain.select(0, i));
            }
            noise.add(fixture.in(g + "u_chain_denoise"));
            Tensor first = transitions == Transitions.UNIFORM
                    ? fixture.in(g + "x_init")
                    : Tensors.filled(prior.space().mask(), chain.size(1), chain.size(2));
            List<Tensor> seen = new ArrayList<>(List.of(first));
            Tensor start = transitions == Transitions.UNIFORM // numbers in [0, 1); any becomes a mask
                    ? toUniform(first, prior.space().codes())
                    : torch.zeros_like(first);
            StepWatcher watcher =
                    (done, of, xt) -> seen.add(Scope.hold(xt.flatten(1, 2).clone()));
            prior.sample(prior.draw(Sampling.USUAL, new Stored(noise, start)).watcher(watcher));
            fixture.check(
                    g + "chain_" + predictor.name().toLowerCase(Locale.ROOT) + ".x",
                    torch.stack(new TensorVector(seen.toArray(Tensor[]::new)), 0));
        }
    }

    /** Numbers in [0, 1) that stand for these codes. */
    private static Tensor toUniform(Tensor codes, long count) {
        return codes.to(ScalarType.Double).add(new Scalar(0.5)).div(new Scalar((double) count));
    }

    /**
     * The uniform numbers that the reference drew, which it turns into the exponential ones of a race.
     *
     * @param u of each step, [B, L, S]
     * @param first what chooses the first state, [B, L]
     */
    private record Stored(List<Tensor> u, Tensor first) implements RandomStreams {
        @Override
        public long grids() {
            return u.get(0).size(0);
        }

        @Override
        public Tensor uniform(Use use, long step, long length) {
            return first.to(ScalarType.Double);
        }

        @Override
        public Tensor pick(long step, Tensor at, long length, Tensor logProbabilities) {
            Tensor all = u.get((int) step - 1).reshape(-1, logProbabilities.size(1));
            Tensor own = all.to(ScalarType.Double).index_select(0, at);
            return GumbelRace.draw(
                    logProbabilities, own.add(new Scalar(1e-10)).log().neg().add(new Scalar(1e-10)));
        }
    }
}
