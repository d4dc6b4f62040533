package dev.smalti.prior.absorbing;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.MaskTokens;
import dev.smalti.distributed.WholeBatch;
import dev.smalti.draw.Order;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.prior.BoundInSteps;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.absorbing.AbsorbingConfiguration.Masking;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.prior.process.LowDiscrepancyTimes;
import dev.smalti.prior.process.MaskedBound;
import dev.smalti.prior.process.MaskedShares;
import dev.smalti.prior.process.MaskedWalk;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are lost to a mask one by one, and a transformer learns to guess the lost ones from the rest. Bond-Taylor et al.
 * 2022, arXiv:2111.12701, section 3.2.
 *
 * <p>Letters: B batch, L tokens, K codes, M positions, T steps of the model, T' steps of a draw, S_t the cross-entropy in
 * nats summed over the tokens that are masked at time t.
 */
public final class AbsorbingDiffusion implements SearchableSteps, BoundInSteps, MaskedPrior {
    private final AbsorbingConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final int steps;
    private final Denoiser network;
    private final Absorbing absorbing;
    private final MaskTokens maskTokens;

    /** @param classes 0 for an unconditional prior */
    public AbsorbingDiffusion(
            AbsorbingConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.steps = configuration.steps() == null ? Math.toIntExact(space.length()) : configuration.steps();
        Integer usual = configuration.sampling().steps();
        if (usual != null && usual > steps) {
            throw new IllegalArgumentException(
                    "sampling.steps must be at most the " + steps + " steps of the diffusion, got " + usual);
        }
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        this.absorbing = new Absorbing(space);
        this.maskTokens = new MaskTokens(space, configuration.masks(), configuration.maskShare());
        NetworkShape shape =
                new NetworkShape(space.height(), space.width(), maskTokens.inputs(), space.codes(), classes, steps);
        this.network = configuration.network().build(core.parameters(), shape);
    }

    @Override
    public PriorCore core() {
        return core;
    }

    Denoiser network() {
        return network;
    }

    @Override
    public Denoiser denoiser() {
        return network;
    }

    @Override
    public String process() {
        return "absorbing diffusion in " + steps + " steps" + maskTokens.text();
    }

    @Override
    public PriorObjective objective() {
        return new PriorObjective(core, configuration.labelDropping(), (x0, label, generator) -> {
            Tensor t = LowDiscrepancyTimes.times(generator, x0.size(0), steps); // [B]
            return trainingLoss(x0, label, t, WholeBatch.uniform(generator, x0.size(0), space.length()), generator);
        });
    }

    /**
     * The loss in bits per token (nats per masked token for {@code masked_token}), and the bound as a measure.
     *
     * @param x0 int64 [B, L]
     * @param t int64 [B], 1..T
     * @param u uniform numbers [B, L]
     * @param generator of the mask tokens
     */
    Loss trainingLoss(Tensor x0, Tensor label, Tensor t, Tensor u, Generator generator) {
        Tensor lost = lost(t, u); // [B, L]
        Tensor time = Devices.send(t, x0.device(), ScalarType.Float);
        Tensor entropy =
                entropy(x0, time.sub(new Scalar(1.0)), label, lost, generator).sum(1); // S_t, [B]
        double bits = core.bits();
        Tensor bound = entropy.div(time).mul(new Scalar(steps * bits));
        Tensor each =
                switch (configuration.loss()) {
                    case ELBO -> bound;
                    case REWEIGHTED_ELBO ->
                        entropy.mul(time.sub(new Scalar(steps + 1.0)).mul(new Scalar(-bits / steps)));
                    case REWEIGHTED_ELBO_AS_RELEASED ->
                        entropy.mul(time.sub(new Scalar((double) steps)).mul(new Scalar(-bits / steps)));
                    case MASKED_TOKEN ->
                        entropy.div(Devices.send(
                                lost.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Float))
                                        .clamp_min(new Scalar(1.0)),
                                x0.device(),
                                ScalarType.Float));
                };
        Map<String, Tensor> measures = new LinkedHashMap<>();
        measures.put("elbo_bits", bound.mean());
        return new Loss(each.mean(), measures, new Loss.ByTime(t.div(new Scalar((double) steps)), each));
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

    /**
     * Cross-entropy in nats where {@code lost}, best on the CPU, is true, 0 elsewhere. -> float32 [B, L]
     *
     * @param generator of the mask tokens
     */
    Tensor entropy(Tensor x0, Tensor time, Tensor label, Tensor lost, Generator generator) {
        Device device = x0.device();
        Tensor at = Devices.send(lost.flatten().nonzero().squeeze(1), device, ScalarType.Long); // [M]
        Tensor xt = maskTokens.show(absorbing.mask(x0, Devices.send(lost, device, ScalarType.Bool)), generator);
        Tensor logits = network.logits(xt, time, label, at); // [M, K]
        Tensor target = x0.flatten().index_select(0, at);
        Tensor each = torch.cross_entropy_loss(
                logits.to(ScalarType.Float), target, new TensorOptional(), 0 /* no reduction */, -100, 0);
        return torch.zeros(new long[] {x0.numel()}, Tensors.options(ScalarType.Float, x0.device()))
                .index_copy(0, at, each)
                .view_as(x0);
    }

    /**
     * Ancestral sampling in T' steps: from share t of masked tokens to s, each that is still masked is revealed with
     * probability 1 - s/t, which is 1/t in the paper's numbers. Section 3.2; T' {@literal <} T skips steps evenly,
     * section 4.2.1. In fewer steps than places the usual are counts ({@link Reveal}): coins would draw more places that don't know of
     * each other; in as many or more, coins take fewer passes.
     */
    @Override
    public Tensor sample(GridDraw draw) {
        return sample(network, draw);
    }

    /** The same with logits of {@code denoiser}, which is told t - 1 of the first t at which as many tokens are masked. */
    Tensor sample(Denoiser denoiser, GridDraw draw) {
        draw.showing(maskTokens).able(Wish.UNMASKING, Wish.EXTRAPOLATION, Wish.CORRECTOR);
        MaskedShares shares = new MaskedShares(share -> share, share -> Math.ceil(share * steps - 1e-9) - 1);
        double[] times = times(draw);
        Unmasking unmasking = MaskedWalk.filled(
                draw.sampling().unmasking(),
                times.length <= draw.unknown() ? Reveal.COUNTS : Reveal.COINS,
                Order.RANDOM);
        return new MaskedWalk(draw, denoiser, false, shares, unmasking, true).run(times);
    }

    @Override
    public boolean readsTime() {
        return configuration.network().readsTime();
    }

    @Override
    public MaskTokens maskTokens() {
        return maskTokens;
    }

    @Override
    public Tensor logits(Tensor xt, Tensor label, Tensor at, Tensor tokens) {
        Tensor t = absorbing
                .count(xt)
                .to(ScalarType.Double)
                .mul(new Scalar((double) steps / space.length()))
                .sub(new Scalar(1e-9))
                .ceil()
                .clamp_min(new Scalar(1.0)); // the first such t, [B]
        Tensor time = t.sub(new Scalar(1.0)).to(ScalarType.Float);
        return network.logits(maskTokens.show(xt, tokens), time, label, at);
    }

    private double[] times(GridDraw draw) {
        int most = draw.grown(steps);
        int wanted = draw.sampling().steps().count();
        if (wanted > most) {
            throw new UnsupportedSamplingException(
                    "steps must be at most the " + most + " of training for a grid of this size, got " + wanted);
        }
        Integer usual = configuration.sampling().steps();
        return draw.unknownYet(draw.times(usual == null ? most : Math.min(most, draw.grown(usual))), share -> share);
    }

    @Override
    public int usualSteps() {
        Integer usual = configuration.sampling().steps();
        return usual == null ? steps : Math.min(steps, usual);
    }

    @Override
    public int steps() {
        return steps;
    }

    /** Σ_t E[S_t] / t over t = 1..T, with tokens masked one by one however training masks them. Equation 6. */
    @Override
    public Tensor negativeLogLikelihoodInSteps(TokenBatch batch, Seed seed) {
        Tensor codes = batch.codes();
        return core.negativeLogLikelihood(batch, () -> {
            Generator generator = seed.generator();
            return MaskedBound.negativeLogLikelihoodInSteps(
                    codes.size(0),
                    space.length(),
                    steps,
                    codes.device(),
                    generator,
                    entropy(codes, batch.labels(), generator));
        });
    }

    /** One estimate of {@link MaskedBound}: T → ∞, where each t has a token of its own. */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        Tensor codes = batch.codes();
        return core.negativeLogLikelihood(batch, () -> {
            Generator generator = seed.generator();
            return MaskedBound.negativeLogLikelihood(
                    codes.size(0),
                    space.length(),
                    codes.device(),
                    generator,
                    entropy(codes, batch.labels(), generator));
        });
    }

    private MaskedBound.Entropy entropy(Tensor codes, Tensor labels, Generator generator) {
        return (lost, share) -> {
            Tensor time = share.mul(new Scalar((double) steps)).floor(); // t - 1 of the first such t
            return entropy(codes, time.to(codes.device(), ScalarType.Float), labels, lost, generator)
                    .sum(1);
        };
    }

    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        return core.stepCosts(batch, () -> {
            Generator generator = seed.generator();
            return MaskedBound.stepCosts(
                    batch.codes(), shares, generator, entropy(batch.codes(), batch.labels(), generator));
        });
    }

    @Override
    public boolean exact() {
        return false;
    }
}
