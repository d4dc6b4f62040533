package dev.smalti.prior.vqdiffusion;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.Fixture;
import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.corruption.MaskAndReplace;
import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Activation;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Drawing;
import dev.smalti.prior.vqdiffusion.VqDiffusionConfiguration.Transitions;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
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
 * Against microsoft/VQ-Diffusion. Everything is compared, but for two things that are nothing: where both hold a state
 * for impossible (its logarithm is below -50; the reference adds up logarithms of 1e-30 there, we have -70), and what
 * its {@code q_pred_one_timestep} says of codes after a mask, which its posterior puts right.
 */
class VqDiffusionFixtureTest {
    private static final String NETWORK = "transformer.";
    private static final List<String> FUSED = List.of("query", "key", "value");

    private final Fixture fixture = Fixture.of("vqdiffusion");
    private final int steps = fixture.settings("T").asInt();
    private final int codes = fixture.settings("K").asInt();
    private final int length = fixture.settings("L").asInt();
    private final TokenSpace space = space(Fixture.integers(fixture.settings("spatial")));
    private final Corruption corruption = new MaskAndReplace(space);
    private final Schedule schedule = Schedule.maskAndReplaceAsReleased(steps);
    private final Tensor x0 = fixture.in("x0");
    private final Tensor xt = fixture.in("xt");
    private final Tensor t = fixture.in("t").add(new Scalar(1L));

    private TokenSpace space(List<Integer> sizes) {
        return new TokenSpace(codes, sizes.get(0), sizes.get(1));
    }

    @Test
    void has_the_schedule() {
        Tensor after = torch.arange(new Scalar(1L), new Scalar(steps + 1L), Tensors.options(ScalarType.Long));
        Level one = at(after).since(at(before(after)));
        check("schedule.log_at", one.kept().log());
        check("schedule.log_bt", replaced(one).log());
        check("schedule.log_ct", one.masked().log());
        check("schedule.log_1_min_ct", one.masked().neg().add(new Scalar(1.0)).log());
        Level all = at(Tensors.cat(0, after, Tensors.longs(0))); // theirs end with t = -1, the clean tokens
        check("schedule.log_cumprod_at", all.kept().log());
        check("schedule.log_cumprod_bt", replaced(all).log());
        check("schedule.log_cumprod_ct", all.masked().log());
        check(
                "schedule.log_1_min_cumprod_ct",
                all.masked().neg().add(new Scalar(1.0)).log());
    }

    private Tensor replaced(Level level) {
        return level.kept()
                .add(level.masked())
                .neg()
                .add(new Scalar(1.0))
                .clamp_min(new Scalar(0.0))
                .div(new Scalar((double) codes));
    }

    @Test
    void loses_tokens_with_the_same_probabilities() {
        check("q_pred", states(corruption.logMarginal(x0, at(t))));
        Tensor ours = states(corruption.logStep(xt, at(before(t)), at(t)));
        Tensor afterMask = torch.logical_and(
                xt.eq(new Scalar((long) codes)).unsqueeze(1),
                torch.arange(new Scalar(codes + 1L), Tensors.options(ScalarType.Long))
                        .lt(new Scalar((long) codes))
                        .view(1, -1, 1));
        assertThat(Tensors.toDoubles(ours.masked_select(afterMask))).containsOnly(Double.NEGATIVE_INFINITY);
        check("q_pred_one_timestep", torch.where(afterMask, fixture.out("q_pred_one_timestep"), ours));
    }

    @Test
    void draws_the_same_lost_tokens() {
        Tensor log = corruption.logMarginal(x0, at(t)); // [B, L, K + 1]
        check("train_xt", GumbelRace.draw(log, exponential(fixture.in("train_u"))));
    }

    @Test
    void has_the_posterior() {
        Tensor guess = LogitFilter.NONE.logProbabilities(positions(fixture.in("logits"))); // [B, L, K]
        Tensor never = guess.narrow(-1, 0, 1).mul(new Scalar(0.0)).add(new Scalar(-70.0));
        check("predict_start", states(Tensors.cat(-1, guess, never)));
        Tensor truth = corruption.logPosterior(x0, xt, at(before(t)), at(t));
        checkPossible("q_posterior_true", states(truth.clamp_min(new Scalar(-70.0))));
        checkPossible("q_posterior_model", posterior(guess));
        checkPossible("p_pred", posterior(guess));
    }

    private Tensor posterior(Tensor logX0) {
        return states(corruption
                .logPosterior(Posterior.NORMALISED, logX0, xt, at(before(t)), at(t))
                .clamp_min(new Scalar(-70.0)));
    }

    @Test
    void has_the_reversal_of_the_lost_tokens() {
        try (VqDiffusion prior = prior(0.001)) {
            Tensor now = fixture.out("train_xt");
            Tensor guess = LogitFilter.NONE.logProbabilities(positions(fixture.in("logits")));
            Tensor times = t.unsqueeze(1).expand_as(now).flatten();
            Tensor log = prior.reverse().back(guess.view(-1, codes), now.flatten(), times, before(times));
            checkPossible("train_uniform.log_model_prob", states(log.view(now.size(0), length, -1)));
        }
    }

    @ParameterizedTest
    @CsvSource({"train_uniform, 1", "train_uniform_noaux, 0"})
    void has_the_loss_of_times_that_are_all_alike(String key, double auxiliary) {
        try (VqDiffusion prior = prior(auxiliary * fixture.settings("aux").asDouble())) {
            Tensor share =
                    torch.full_like(t, new Scalar(0L)).to(ScalarType.Double).add(new Scalar(1.0 / steps));
            Tensor each = prior.each(this::given, x0, fixture.out("train_xt"), null, t, share, torch.ones_like(share));
            check(key + ".loss", each.select(1, 0));
            check(key + ".Lt_history", prior.parameters().buffers().get("Lt_history"));
        }
    }

    @ParameterizedTest
    @CsvSource({"train_importance, 1", "train_importance_noaux, 0"})
    void has_the_loss_of_times_by_importance(String key, double auxiliary) {
        try (VqDiffusion prior = prior(auxiliary * fixture.settings("aux").asDouble())) {
            remember(prior, "Lt_history", fixture.in("Lt_history"));
            remember(
                    prior,
                    "Lt_count",
                    fixture.in("Lt_history").mul(new Scalar(0.0)).add(new Scalar(11.0)));
            Tensor share = prior.history().probabilities().index_select(0, before(t));
            Tensor each = prior.each(this::given, x0, fixture.out("train_xt"), null, t, share, torch.ones_like(share));
            check(key + ".loss", each.select(1, 0));
            check(key + ".Lt_history", prior.parameters().buffers().get("Lt_history"));
        }
    }

    private static void remember(VqDiffusion prior, String name, Tensor values) {
        try (NoGradGuard guard = new NoGradGuard()) {
            prior.parameters().buffers().get(name).copy_(values);
        }
    }

    @Test
    void has_the_gradient_of_the_loss() {
        try (VqDiffusion prior = prior(fixture.settings("aux").asDouble())) {
            Tensor logits = positions(fixture.in("logits")).clone().detach();
            logits.set_requires_grad(true);
            Denoiser denoiser = (now, time, label, at) -> logits.view(-1, codes).index_select(0, at);
            loss(prior, denoiser).total().mul(new Scalar(Math.log(2))).backward();
            check("train_uniform.grad_logits", states(logits.grad()));
        }
    }

    private Loss loss(VqDiffusion prior, Denoiser denoiser) {
        Tensor share = torch.full_like(t, new Scalar(0L)).to(ScalarType.Double).add(new Scalar(1.0 / steps));
        return prior.trainingLoss(denoiser, x0, fixture.out("train_xt"), null, t, share, torch.ones_like(share));
    }

    @Test
    void draws_the_same_tokens_at_every_step() {
        try (VqDiffusion prior = prior(0)) {
            long[] times = Tensors.toLongs(fixture.in("chain_t"));
            Tensor guess = LogitFilter.NONE
                    .logProbabilities(positions(fixture.in("logits")))
                    .view(-1, codes);
            Tensor now = torch.full_like(x0, new Scalar((long) codes));
            List<Tensor> chain = new ArrayList<>();
            for (int i = 0; i < times.length; i++) {
                Tensor each = Tensors.filled(times[i] + 1, now.numel());
                Tensor log = prior.reverse().back(guess, now.flatten(), each, before(each));
                Tensor noise = exponential(fixture.in("chain_u").select(0, i));
                now = GumbelRace.draw(log, noise.view(-1, codes + 1L)).view_as(x0);
                chain.add(now);
            }
            check("chain_tokens", torch.stack(new TensorVector(chain.toArray(Tensor[]::new)), 0));
        }
    }

    @Test
    void draws_the_same_tokens_by_the_purity_rule() {
        try (VqDiffusion prior = prior(0)) {
            Tensor drawn = prior.surest(
                    prior.draw(Sampling.USUAL, new Stored()),
                    xt,
                    new Step(1, 2, 51, 50, this::given, LogitFilter.NONE),
                    3);
            check("purity_tokens", drawn);
            check("purity_sampled", masks(xt).sub(masks(drawn)));
        }
    }

    private Tensor masks(Tensor tokens) {
        return tokens.eq(new Scalar((long) codes)).sum(1);
    }

    @Test
    void has_the_network() {
        try (VqDiffusion prior = prior(fixture.settings("aux").asDouble())) {
            prior.parameters().load(weights());
            Tensor logits = prior.network().logits(xt, before(t).to(ScalarType.Float), null, null);
            check("net_logits", states(logits.view(-1, length, codes)));
            Tensor at =
                    torch.arange(new Scalar((long) length), new Scalar(xt.numel()), Tensors.options(ScalarType.Long));
            Tensor some = prior.network().logits(xt, before(t).to(ScalarType.Float), null, at);
            Tensor apart =
                    some.sub(logits.narrow(0, length, xt.numel() - length)).abs();
            assertThat(apart.max().item_double()).isLessThan(1e-5);
        }
    }

    @Test
    void has_the_networks_loss_and_gradients() {
        try (VqDiffusion prior = prior(fixture.settings("aux").asDouble())) {
            prior.parameters().load(weights());
            Tensor nats = loss(prior, prior.network()).total().mul(new Scalar(Math.log(2)));
            fixture.check("net_loss", nats);
            nats.backward();
            Map<String, Tensor> gradients = new LinkedHashMap<>();
            prior.parameters().weights().forEach((name, weight) -> {
                for (int i = 0; name.contains(".qkv.") && i < FUSED.size(); i++) {
                    long width = weight.size(0) / FUSED.size();
                    gradients.put(
                            name.replace("qkv", FUSED.get(i)), weight.grad().narrow(0, i * width, width));
                }
                gradients.put(name, weight.grad());
            });
            fixture.checkAll("net_grad." + NETWORK, UnaryOperator.identity(), gradients);
        }
    }

    /** Theirs under our names, with query, key and value joined. */
    private Map<String, Tensor> weights() {
        Map<String, Tensor> theirs = fixture.weights();
        Map<String, Tensor> weights = new LinkedHashMap<>();
        theirs.forEach((name, tensor) -> {
            String own = name.replaceFirst("^" + NETWORK, "");
            if (name.contains(".attn.query.")) {
                Tensor[] parts = FUSED.stream()
                        .map(part -> theirs.get(name.replace("query", part)))
                        .toArray(Tensor[]::new);
                weights.put(own.replace("query", "qkv"), Tensors.cat(0, parts));
            } else if (!name.startsWith("log_") && !name.matches(".*\\.attn\\.(key|value)\\..*")) {
                weights.put(own, tensor);
            }
        });
        return weights;
    }

    private VqDiffusion prior(double auxiliary) {
        int width = fixture.settings("n_embd").asInt();
        Tensor up = fixture.weights().get("transformer.blocks.0.mlp.conv1.weight");
        VqDiffusionTransformerConfiguration network = new VqDiffusionTransformerConfiguration(
                fixture.settings("n_layer").asInt(),
                width,
                fixture.settings("n_head").asInt(),
                fixture.settings("mlp").asText().equals("conv_mlp"),
                Math.toIntExact(up.size(0) / width),
                null,
                null,
                null,
                null,
                null,
                Activation.valueOf(fixture.settings("act").asText()),
                fixture.settings("timestep").asText().equals("adalayernorm") ? Times.LEARNT : Times.SINUSOIDAL);
        List<Double> maskWeight = new ArrayList<>();
        fixture.settings("mask_weight").forEach(each -> maskWeight.add(each.asDouble()));
        VqDiffusionConfiguration configuration = new VqDiffusionConfiguration(
                network,
                steps,
                Transitions.AS_RELEASED,
                null,
                auxiliary,
                fixture.settings("adaptive").asBoolean(),
                maskWeight,
                true,
                new Drawing(null, 1.0, null),
                false,
                null);
        return new VqDiffusion(configuration, space, 0, new Seed(0), Devices.cpu());
    }

    /** The reference's stand-in for a network, which always says the same. */
    private Tensor given(Tensor now, Tensor time, Tensor label, Tensor at) {
        assertThat(now.size(0)).isEqualTo(x0.size(0));
        return positions(fixture.in("logits")).reshape(-1, codes).index_select(0, at);
    }

    private Level at(Tensor times) {
        return schedule.at(times, Devices.cpu());
    }

    private static Tensor before(Tensor times) {
        return times.sub(new Scalar(1L));
    }

    /** [B, S, L] -> [B, L, S] */
    private static Tensor positions(Tensor theirs) {
        return theirs.transpose(1, 2).contiguous();
    }

    /** [B, L, S] -> [B, S, L] */
    private static Tensor states(Tensor ours) {
        return ours.transpose(1, 2);
    }

    /** E = -ln u of the reference's u [B, S, L], which takes care of u = 0. -> float64 [B, L, S] */
    private static Tensor exponential(Tensor u) {
        Scalar least = new Scalar(1e-30);
        return positions(u).to(ScalarType.Double).add(least).log().neg().add(least);
    }

    private void check(String key, Tensor ours) {
        Scope.free(() -> fixture.check(key, ours));
    }

    /** {@link #check} but where both say impossible. */
    private void checkPossible(String key, Tensor ours) {
        Scope.free(() -> {
            Tensor theirs = fixture.out(key);
            Scalar impossible = new Scalar(-50.0);
            Tensor both = ours.lt(impossible).logical_and(theirs.lt(impossible));
            fixture.check(key, torch.where(both, theirs.to(ScalarType.Double), ours.to(ScalarType.Double)));
        });
    }

    /** The random numbers that the reference drew for the purity rule. */
    private final class Stored implements RandomStreams {
        @Override
        public long grids() {
            return x0.size(0);
        }

        @Override
        public Tensor uniform(Use use, long step, long positions) {
            throw new UnsupportedOperationException("the rule draws no uniform numbers");
        }

        @Override
        public Tensor exponential(Use use, long step, long positions) {
            return fixture.in("purity_gumbel").to(ScalarType.Double).neg().exp(); // [B, L]
        }

        @Override
        public Tensor pick(long step, Tensor at, long positions, Tensor logProbabilities) {
            Tensor race =
                    VqDiffusionFixtureTest.exponential(fixture.in("purity_u")).narrow(-1, 0, codes);
            return GumbelRace.draw(logProbabilities, race.reshape(-1, codes).index_select(0, at));
        }
    }
}
