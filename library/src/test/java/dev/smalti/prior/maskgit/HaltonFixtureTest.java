package dev.smalti.prior.maskgit;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.Fixture;
import dev.smalti.corruption.Absorbing;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.GuidanceSchedule;
import dev.smalti.draw.GuidanceSettings;
import dev.smalti.draw.GuidanceSettings.Interval;
import dev.smalti.draw.GumbelRace;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.process.Confidence;
import dev.smalti.prior.process.Halton;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Against valeoai/Halton-MaskGIT. All of the fixture is compared. Their samplers differ from ours where they draw the mask
 * too, or draw known tokens again, or count steps otherwise; those are composed here of our parts.
 */
class HaltonFixtureTest {
    private final Fixture fixture = Fixture.of("maskgit");
    private final JsonNode model = fixture.settings("model");
    private final int side = model.required("input_size").asInt();
    private final int length = side * side;
    private final int mask = model.required("codebook_size").asInt();
    private final long none = model.required("nclass").asLong();
    private final TokenSpace space = new TokenSpace(mask, side, side);
    private final Absorbing absorbing = new Absorbing(space);
    private final HaltonTransformerConfiguration configuration = new HaltonTransformerConfiguration(
            model.required("depth").asInt(),
            model.required("hidden_dim").asInt(),
            model.required("heads").asInt(),
            model.required("mlp_dim").asInt(),
            model.required("register").asInt(),
            model.required("proj").asInt(),
            model.required("dropout").asDouble());
    private final Parameters parameters = new Parameters(new Seed(1), Devices.cpu());
    private final Denoiser network = network();

    /** Its tensors have the names of ours. It guesses the mask too. */
    private Denoiser network() {
        NetworkShape shape = new NetworkShape(side, side, mask + 1L, mask + 1L, none, 0);
        Denoiser network = configuration.build(parameters, shape);
        parameters.load(weights());
        return network;
    }

    private Map<String, Tensor> weights() {
        Map<String, Tensor> weights = new LinkedHashMap<>(fixture.weights());
        assertThat(Tensors.toFloats(weights.remove("head.weight")))
                .as("the head is the embedding of the tokens")
                .isEqualTo(Tensors.toFloats(weights.get("tok_emb.weight")));
        return weights;
    }

    @AfterEach
    void close() {
        parameters.close();
    }

    private Tensor label() {
        return fixture.in("y").masked_fill(fixture.in("drop").to(ScalarType.Bool), new Scalar(none));
    }

    private static Tensor all(Tensor xt) {
        return torch.arange(new Scalar(xt.numel()), Tensors.options(ScalarType.Long));
    }

    @Test
    void guesses_the_tokens() {
        Tensor xt = fixture.in("x").flatten(1, -1); // [B, L]
        for (Tensor at : new Tensor[] {null, all(xt)}) {
            fixture.check("logits", network.logits(xt, null, label(), at).view_as(fixture.out("logits")));
        }
    }

    @Test
    void has_the_gradients() {
        parameters.training(true);
        Tensor logits = network.logits(fixture.in("x").flatten(1, -1), null, label(), null);
        Tensor loss = torch.cross_entropy_loss(logits, fixture.in("code").flatten());
        fixture.check("train_loss", loss);
        loss.backward();
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        parameters.weights().forEach((name, weight) -> gradients.put(name, weight.grad()));
        fixture.checkAll("train_grad.", UnaryOperator.identity(), gradients);
    }

    @ParameterizedTest
    @EnumSource(names = {"ROOT", "LINEAR", "SQUARE", "COSINE", "ARCCOS"})
    void masks_as_many_tokens(MaskSchedule schedule) {
        String key = schedule.name().toLowerCase(Locale.ROOT);
        double[] r = Tensors.toDoubles(fixture.in("r"));
        float[] shares = new float[r.length];
        IntStream.range(0, r.length).forEach(i -> shares[i] = (float) schedule.share(r[i], null, length));
        fixture.check("schedule_" + key, Tensors.floats(shares));

        MaskGitConfiguration independent = new MaskGitConfiguration(
                configuration, schedule, null, Masking.INDEPENDENT, null, null, null, null, null);
        try (MaskGit prior = new MaskGit(independent, space, (int) none, new Seed(1), Devices.cpu())) {
            Tensor u = fixture.in("mask_u_" + key).flatten(1, -1);
            Tensor masked = absorbing.mask(fixture.in("code").flatten(1, -1), prior.lost(fixture.in("mask_r"), u));
            fixture.check("mask_code_" + key, masked.view(-1, side, side));
        }
    }

    /** Theirs count from r = 0 to r = 1 with both ends, in float32, which may be next to a whole number on its other side. */
    @ParameterizedTest
    @EnumSource(names = {"ROOT", "LINEAR", "SQUARE", "COSINE", "ARCCOS"})
    void knows_as_many_tokens_after_each_step(MaskSchedule schedule) {
        String key = "build_sequence_%s" + schedule.name().toLowerCase(Locale.ROOT);
        checkSequence(key.formatted(""), schedule, length);
        checkSequence(key.formatted("12_"), schedule, 16 * 16);
    }

    private void checkSequence(String key, MaskSchedule schedule, int tokens) {
        long[] theirs = Tensors.toLongs(fixture.out(key));
        for (int i = 0; i < theirs.length; i++) {
            double known = tokens * (1 - schedule.share((double) i / (theirs.length - 1), null, tokens));
            assertThat(theirs[i]).as(key + " at " + i).isBetween((long) Math.floor(known - 1e-3), (long)
                    Math.floor(known + 1e-3));
        }
    }

    @Test
    void visits_the_cells_in_the_same_order() {
        for (int z : Fixture.integers(fixture.settings("halton_sizes"))) {
            Tensor order = Tensors.longs(Halton.order(z, z)); // [z·z]
            Tensor row = order.floor_divide(new Scalar((long) z));
            Tensor column = order.remainder(new Scalar((long) z));
            fixture.check("halton_order_" + z, torch.stack(new TensorVector(row, column), 1));
        }
    }

    /** What was seen at every step of a sampler. */
    private final class Seen {
        private final Map<String, List<Tensor>> tensors = new LinkedHashMap<>();

        void add(String key, Tensor grids) {
            tensors.computeIfAbsent(key, any -> new ArrayList<>()).add(grids);
        }

        void check() {
            tensors.forEach((key, each) -> {
                Tensor all = torch.stack(new TensorVector(each.toArray(Tensor[]::new)), 0);
                fixture.check(key, all.view_as(fixture.out(key)));
            });
        }
    }

    /** Logits everywhere, and the tokens drawn with stored Gumbel noise. */
    private Tensor drawn(Tensor logits, Tensor gumbel) {
        Tensor exponential =
                gumbel.reshape(-1, mask + 1L).to(ScalarType.Double).neg().exp();
        return GumbelRace.draw(LogitFilter.NONE.logProbabilities(logits), exponential)
                .view(-1, length);
    }

    private Tensor clamped(Tensor code) {
        return code.clamp_max(new Scalar(mask - 1L)).view(-1, side, side);
    }

    @Test
    void draws_the_same_tokens_by_confidence() {
        JsonNode settings = fixture.settings("conf");
        int steps = settings.required("step").asInt();
        MaskSchedule schedule =
                MaskSchedule.valueOf(settings.required("sched_mode").asText().toUpperCase(Locale.ROOT));
        Sampling sampling = Sampling.USUAL
                .steps(steps)
                .guidance(new GuidanceSettings(
                        settings.required("w").asDouble(), GuidanceSchedule.LINEAR, Interval.ALL, null));
        Seen seen = new Seen();
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor label = fixture.in("y");
            Tensor code = Tensors.filled(mask, label.size(0), length); // [B, L]
            Tensor known = absorbing.masked(code).logical_not();
            for (int i = 0; i < steps; i++) {
                double progress = (double) i / (steps - 1);
                Guidance guided = new Guidance(network, none, sampling.weight(i + 1, steps));
                Tensor logits = guided.logits(code, null, label, all(code))
                        .mul(new Scalar(settings.required("sm_temp").asDouble())); // [B·L, K + 1]
                Tensor prediction =
                        drawn(logits, fixture.in("conf_gumbel_tokens").select(0, i)); // [B, L]
                Tensor noise =
                        fixture.in("conf_gumbel_noise").select(0, i).flatten().to(ScalarType.Double);
                Tensor confidence = Confidence.of(
                                logits,
                                prediction.flatten(),
                                noise.neg().exp(),
                                settings.required("r_temp").asDouble() * (1 - progress))
                        .view_as(code);
                int count = (int) Math.floor(length * (1 - schedule.share(progress, null, length)) + 1e-9);
                Tensor most = RandomStreams.greatest(
                        confidence.masked_fill(known, new Scalar(Double.POSITIVE_INFINITY)),
                        Tensors.filled(i == steps - 1 ? length : Math.max(1, count), label.size(0)));
                seen.add("conf_code_in", code);
                seen.add("conf_pred", prediction);
                seen.add("conf_confidence", confidence.masked_fill(known, new Scalar(100.0)));
                seen.add("conf_mask", most.logical_not());
                code = torch.where(most, prediction, code); // known tokens too are drawn again
                known = most;
            }
            seen.check();
            fixture.check("conf_final", clamped(code));
        }
    }

    @Test
    void draws_the_same_tokens_in_the_order_of_halton() {
        JsonNode settings = fixture.settings("halton");
        int steps = settings.required("step").asInt();
        MaskGitSampling sampling = new MaskGitSampling(steps, null, null, Order.HALTON, null, false);
        int[] known = sampling.known(length, steps);
        Guidance guided = new Guidance(network, none, settings.required("w").asDouble());
        Seen seen = new Seen();
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor label = fixture.in("y");
            Tensor code = Tensors.filled(mask, label.size(0), length); // [B, L]
            Tensor rank = Tensors.longs(Halton.order(side, side)).argsort().expand_as(code);
            for (int i = 0; i < steps; i++) {
                Tensor logits = guided.logits(code, null, label, all(code))
                        .mul(new Scalar(inverseTemperature(settings, i, steps))); // [B·L, K + 1]
                Tensor prediction =
                        drawn(logits, fixture.in("halton_gumbel_tokens").select(0, i));
                Tensor due = rank.lt(new Scalar((long) known[i]))
                        .logical_and(rank.ge(new Scalar(i == 0 ? 0L : known[i - 1])));
                seen.add("halton_code_in", code);
                seen.add("halton_pred", prediction);
                seen.add("halton_mask", due);
                code = torch.where(due, prediction, code);
            }
            seen.check();
            fixture.check("halton_final", clamped(code));
        }
    }

    private static double inverseTemperature(JsonNode settings, int i, int steps) {
        double least = settings.required("sm_temp_min").asDouble();
        double most = settings.required("sm_temp_max").asDouble();
        double ramp = least + (most - least) * i / (steps - 1);
        double power = Math.pow(ramp, settings.required("temp_pow").asDouble());
        return i < settings.required("temp_warmup").asInt() ? power / 2 : power;
    }
}
