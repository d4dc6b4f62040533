package dev.smalti.prior.absorbing;

import dev.smalti.corruption.Absorbing;
import dev.smalti.draw.Categorical;
import dev.smalti.draw.Draws;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.network.Transformer;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration.Masking;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GeneratorOptional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are lost to a mask one by one, and a transformer learns to guess the lost ones from the rest. Bond-Taylor et al.
 * 2022, arXiv:2111.12701, section 3.
 *
 * <p>Letters: B batch, L tokens, K codes, M positions, T steps of the model, T' steps of a draw, S_t the cross-entropy in
 * nats summed over the tokens that are masked at time t.
 */
public final class AbsorbingDiffusion implements Prior {
    private final AbsorbingConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final int steps;
    private final Parameters parameters;
    private final Transformer network;
    private final Absorbing absorbing;

    /** @param classes 0 for an unconditional prior */
    public AbsorbingDiffusion(
            AbsorbingConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        this.steps = configuration.steps() == null ? Math.toIntExact(space.length()) : configuration.steps();
        this.parameters = new Parameters(seed, device);
        this.absorbing = new Absorbing(space);
        this.network = new Transformer(
                parameters, configuration.network(), space.length(), space.codes() + 1L, space.codes(), classes);
    }

    @Override
    public TokenSpace space() {
        return space;
    }

    @Override
    public int classes() {
        return classes;
    }

    @Override
    public Parameters parameters() {
        return parameters;
    }

    Transformer network() {
        return network;
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new Training());
    }

    private final class Training implements Objective<TokenBatch> {
        @Override
        public String name() {
            return "prior";
        }

        @Override
        public Parameters parameters() {
            return parameters;
        }

        @Override
        public Loss loss(TokenBatch batch, long step, Seed seed) {
            Generator generator = seed.generator();
            long size = batch.codes().size(0);
            Tensor t = torch.randint(
                    1,
                    steps + 1L,
                    new long[] {size},
                    new GeneratorOptional(generator),
                    Tensors.options(ScalarType.Long)); // [B]
            Tensor u = uniform(generator, size, space.length());
            Tensor drop = uniform(generator, size, 1).squeeze(1).lt(new Scalar(configuration.labelDropping()));
            Tensor label = classes == 0
                    ? null
                    : batch.labels().masked_fill(drop.to(parameters.device(), ScalarType.Bool), new Scalar(classes));
            return trainingLoss(batch.codes(), label, t, u);
        }
    }

    /**
     * The loss in bits per token (nats per masked token for {@code masked_token}), and the bound as a measure.
     *
     * @param x0 int64 [B, L]
     * @param t int64 [B], 1..T
     * @param u uniform numbers [B, L]
     */
    Loss trainingLoss(Tensor x0, Tensor label, Tensor t, Tensor u) {
        Tensor lost = lost(t, u).to(x0.device(), ScalarType.Bool); // [B, L]
        Tensor entropy = entropy(x0, label, lost).sum(1); // S_t, [B]
        Tensor time = t.to(x0.device(), ScalarType.Float);
        double bits = 1 / (space.length() * Math.log(2));
        Tensor bound = entropy.div(time).mul(new Scalar(steps * bits));
        Tensor each =
                switch (configuration.loss()) {
                    case ELBO -> bound;
                    case REWEIGHTED_ELBO ->
                        entropy.mul(time.sub(new Scalar(steps + 1.0)).mul(new Scalar(-bits / steps)));
                    case REWEIGHTED_ELBO_AS_RELEASED ->
                        entropy.mul(time.sub(new Scalar((double) steps)).mul(new Scalar(-bits / steps)));
                    case MASKED_TOKEN ->
                        entropy.div(lost.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Float))
                                .clamp_min(new Scalar(1.0)));
                };
        Map<String, Tensor> measures = new LinkedHashMap<>();
        measures.put("elbo_bits", bound.mean());
        return new Loss(each.mean(), measures);
    }

    /** Which tokens are masked at time t. int64 [B], [B, L] in [0, 1) -> bool [B, L] */
    Tensor lost(Tensor t, Tensor u) {
        if (configuration.masking() == Masking.FIXED) {
            Tensor count = t.to(ScalarType.Double)
                    .mul(new Scalar((double) space.length() / steps))
                    .round()
                    .clamp_min(new Scalar(1.0))
                    .to(ScalarType.Long);
            return Absorbing.exactly(count, u);
        }
        return Absorbing.independent(t.to(u.scalar_type()).div(new Scalar((double) steps)), u);
    }

    /** Cross-entropy in nats where {@code lost}, 0 elsewhere. -> float32 [B, L] */
    Tensor entropy(Tensor x0, Tensor label, Tensor lost) {
        Tensor at = lost.flatten().nonzero().squeeze(1); // [M]
        Tensor logits = network.logitsOfMany(absorbing.mask(x0, lost), label, at); // [M, K]
        Tensor target = x0.flatten().index_select(0, at);
        Tensor each = torch.cross_entropy_loss(
                logits.to(ScalarType.Float), target, new TensorOptional(), 0 /* no reduction */, -100, 0);
        return torch.zeros(new long[] {x0.numel()}, Tensors.options(ScalarType.Float, x0.device()))
                .index_copy(0, at, each)
                .view_as(x0);
    }

    /**
     * Ancestral sampling in T' steps: at t = T'..1 each token that is still masked is revealed with probability 1/t.
     * Section 3.3; T' < T starts the chain at T', which skips steps evenly.
     */
    @Override
    public Tensor sample(Sampling sampling, Tensor labels, Draws draws, StepWatcher watcher) {
        return sample(network, sampling, labels, draws, watcher);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, Sampling sampling, Tensor labels, Draws draws, StepWatcher watcher) {
        int last = sampling.steps() == 0 ? steps : sampling.steps();
        if (last > steps) {
            throw new IllegalArgumentException(
                    "steps must be at most the " + steps + " that the model was trained with, got " + last);
        }
        if (classes == 0 && sampling.guidance() > 0) {
            throw new IllegalArgumentException(
                    "guidance needs a model with classes, and this one has none: leave it 0");
        }
        Guidance guided = new Guidance(denoiser, classes);
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.training(false);
                Tensor probe = draws.uniform(space.length()); // also says how many grids there are
                TokenBatch.checkLabels(labels, classes, probe.size(0));
                Tensor x = absorbing.nothing(probe.size(0)); // [B, L]
                for (int t = last; t >= 1; t--) {
                    double progress = last == 1 ? 1 : (double) (last - t) / (last - 1);
                    guided.weight(sampling.guidance() * sampling.schedule().share(progress));
                    Tensor u = t == last ? probe : draws.uniform(space.length());
                    x = step(guided, sampling, x, labels, t, u, draws);
                    watcher.step(last - t + 1, last, x.view(-1, space.height(), space.width()));
                }
                return x.view(-1, space.height(), space.width());
            }
        });
    }

    /** One reverse step. The network sees only grids in which something is revealed. [B, L] -> [B, L] */
    private Tensor step(Guidance guided, Sampling sampling, Tensor xt, Tensor labels, int t, Tensor u, Draws draws) {
        return Scope.keep(() -> {
            Tensor reveal = absorbing.masked(xt).logical_and(u.lt(new Scalar(1.0 / t))); // [B, L]
            Tensor rows = reveal.any(1).nonzero().squeeze(1); // grids that change
            if (rows.numel() == 0) {
                return xt;
            }
            Tensor at = reveal.flatten().nonzero().squeeze(1); // [M]
            Tensor within = reveal.index_select(0, rows).flatten().nonzero().squeeze(1); // [M], among those grids
            Device device = parameters.device();
            Tensor logits = guided.logits(
                            xt.index_select(0, rows).to(device, ScalarType.Long),
                            null,
                            labels == null ? null : labels.index_select(0, rows).to(device, ScalarType.Long),
                            within.to(device, ScalarType.Long))
                    .cpu(); // [M, K]
            Tensor exponential = draws.exponential(Tensors.toLongs(at), space.length(), space.codes());
            Tensor x0 = Categorical.draw(sampling.tempering().logProbabilities(logits), exponential); // [M]
            return xt.flatten().index_copy(0, at, x0).view_as(xt);
        });
    }

    /**
     * The bound L·E_m[S_m / m] with m uniform in 1..L and exactly m tokens masked: the sum over t of E[S_t]/t as T grows,
     * and of lower variance than drawing t.
     */
    @Override
    public Tensor nats(Tensor codes, Tensor labels, Seed seed) {
        new TokenBatch(codes, labels).check(space, classes);
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.training(false);
                Generator generator = seed.generator();
                long batch = codes.size(0);
                // stratified: the counts of a batch are spread evenly over 1..L, and dealt out at random
                Tensor stratum = uniform(generator, 1, batch)
                        .argsort()
                        .to(ScalarType.Double)
                        .squeeze(0);
                Tensor m = stratum.add(uniform(generator, 1, 1).squeeze(0))
                        .mul(new Scalar((double) space.length() / batch))
                        .floor()
                        .add(new Scalar(1.0))
                        .to(ScalarType.Long); // [B]
                Tensor lost = Absorbing.exactly(m, uniform(generator, batch, space.length()))
                        .to(codes.device(), ScalarType.Bool);
                Tensor entropy = entropy(codes, labels, lost).sum(1); // S_m
                return entropy.cpu().div(m).mul(new Scalar((double) space.length()));
            }
        });
    }

    @Override
    public boolean exact() {
        return false;
    }

    private static Tensor uniform(Generator generator, long rows, long columns) {
        return torch.rand(
                new long[] {rows, columns}, new GeneratorOptional(generator), Tensors.options(ScalarType.Double));
    }

    @Override
    public void close() {
        parameters.close();
    }
}
