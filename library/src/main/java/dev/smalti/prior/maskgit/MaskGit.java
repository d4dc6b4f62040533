package dev.smalti.prior.maskgit;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.MaskTokens;
import dev.smalti.distributed.WholeBatch;
import dev.smalti.draw.Steps;
import dev.smalti.draw.Unmasking;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.prior.MaskedPrior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.prior.process.MaskedBound;
import dev.smalti.prior.process.MaskedShares;
import dev.smalti.prior.process.MaskedWalk;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A transformer guesses masked tokens, and a grid is drawn in a few steps that each reveal many of them. Chang et al. 2022,
 * arXiv:2202.04200.
 *
 * <p>Letters: B batch, L tokens, K codes, M positions, S steps of a draw, r in [0, 1] how far a grid is revealed, γ(r) the
 * share that is masked, ρ = (s + 1) / S after step s = 0..S-1, c the noise on the confidence.
 */
public final class MaskGit implements SearchableSteps, MaskedPrior {
    private final MaskGitConfiguration configuration;
    private final PriorCore core;
    private final int length;
    private final int steps;
    private final Denoiser network;
    private final Absorbing absorbing;
    private final MaskTokens maskTokens;

    /**
     * @param classes 0 for an unconditional prior
     * @throws IllegalArgumentException if more sampling steps are configured than a grid has tokens
     */
    public MaskGit(MaskGitConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.length = Math.toIntExact(space.length());
        this.steps = configuration.sampling().steps(length);
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        this.absorbing = new Absorbing(space);
        this.maskTokens = new MaskTokens(space, configuration.masks(), configuration.maskShare());
        NetworkShape shape =
                new NetworkShape(space.height(), space.width(), maskTokens.inputs(), space.codes(), classes, 0);
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
        return "MaskGIT" + maskTokens.text();
    }

    @Override
    public PriorObjective objective() {
        return new PriorObjective(core, configuration.labelDropping(), (x0, label, generator) -> {
            Tensor r = WholeBatch.uniform(generator, x0.size(0)); // [B]
            Tensor lost = lost(r, WholeBatch.uniform(generator, x0.size(0), length)); // [B, L]
            return trainingLoss(x0, label, lost, generator);
        });
    }

    /** Which tokens are masked at r. [B], [B, L] uniform -> bool [B, L]. Section 3.1. */
    Tensor lost(Tensor r, Tensor u) {
        double[] share = DoubleStream.of(Tensors.toDoubles(r))
                .map(each -> configuration.schedule().share(each, configuration.exponent(), length))
                .toArray();
        if (configuration.masking() == Masking.FIXED) {
            long[] count = DoubleStream.of(share)
                    .mapToLong(each -> Math.max(1, (long) Math.ceil(each * length - 1e-9)))
                    .toArray();
            return Absorbing.exactly(Tensors.longs(count), u);
        }
        float[] p = new float[share.length];
        for (int i = 0; i < p.length; i++) {
            p[i] = (float) share[i];
        }
        return Absorbing.independent(Tensors.floats(p), u);
    }

    /**
     * The mean over masked tokens of their smoothed cross-entropy in nats, eq. 1; each of the others counts as
     * {@code unmaskedWeight} tokens. The measure {@code masked_bits} is the cross-entropy of the masked ones without smoothing.
     *
     * @param x0 int64 [B, L]
     * @param lost bool [B, L], best on the CPU
     * @param generator of the mask tokens
     */
    Loss trainingLoss(Tensor x0, Tensor label, Tensor lost, Generator generator) {
        double other = configuration.unmaskedWeight();
        Device device = x0.device();
        Tensor at = Devices.send(positions(other > 0 ? torch.ones_like(lost) : lost), device, ScalarType.Long); // [M]
        Tensor gone = Devices.send(lost, device, ScalarType.Bool);
        Tensor log = guess(x0, label, gone, at, generator); // [M, K]
        Tensor nats = negativeLogLikelihood(log, x0, at); // [M]
        double smoothing = configuration.labelSmoothing();
        Tensor smoothed = nats.mul(new Scalar(1 - smoothing)).sub(log.mean(-1).mul(new Scalar(smoothing)));
        Tensor masked = gone.flatten().index_select(0, at).to(ScalarType.Float);
        Tensor bits = mean(nats.detach(), masked).div(new Scalar(Math.log(2)));
        Tensor total = mean(smoothed, masked.clamp_min(new Scalar(other)));
        return new Loss(
                total,
                Map.of("masked_bits", bits),
                byMasks(lost, at, nats.detach().mul(masked)));
    }

    /** The mean over each grid's masked tokens of what is 0 at the others, in nats, by their share of the grid. [M] */
    private Loss.ByTime byMasks(Tensor lost, Tensor at, Tensor nats) {
        Tensor share = lost.to(ScalarType.Float).mean(new long[] {1}, false, new ScalarTypeOptional()); // [B]
        Tensor sums = torch.zeros(new long[] {lost.numel()}, Tensors.options(ScalarType.Float, nats.device()))
                .index_copy(0, at, nats)
                .view(lost.size(0), -1)
                .sum(1); // [B]
        Tensor counts = Devices.send(share.mul(new Scalar((double) length)), nats.device(), ScalarType.Float);
        return new Loss.ByTime(share, sums.div(counts.clamp_min(new Scalar(1.0))));
    }

    /** The weighted mean; 0 where nothing has weight. */
    private static Tensor mean(Tensor values, Tensor weight) {
        return values.mul(weight).sum().div(WholeBatch.mean(weight.sum()).clamp_min(new Scalar(1e-9)));
    }

    /** Log-probabilities of the codes at some positions of grids that lost some tokens. -> float32 [M, K] */
    private Tensor guess(Tensor x0, Tensor label, Tensor lost, Tensor at, Generator generator) {
        Tensor xt = absorbing.mask(x0, lost);
        Tensor logits = logits(xt, label, at, maskTokens.tokens(xt, generator));
        return torch.log_softmax(logits.to(ScalarType.Float), -1);
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
        return network.logits(maskTokens.show(xt, tokens), time(xt), label, at);
    }

    /** -ln p of the codes of x0. [M, K], [B, L], [M] -> [M] */
    private static Tensor negativeLogLikelihood(Tensor log, Tensor x0, Tensor at) {
        Tensor target = x0.flatten().index_select(0, at).unsqueeze(1);
        return log.gather(1, target).squeeze(1).neg();
    }

    /** The masked share, for networks that take a time; those of the papers see it in the tokens. -> float32 [B] */
    private Tensor time(Tensor xt) {
        return absorbing.count(xt).to(ScalarType.Float).div(new Scalar((double) length));
    }

    /** Section 3.2, in the order that is configured. */
    @Override
    public Tensor sample(GridDraw draw) {
        return sample(network, draw);
    }

    /** The same with logits of {@code denoiser}. It is told the share of masks. */
    Tensor sample(Denoiser denoiser, GridDraw draw) {
        draw.showing(maskTokens).able(Wish.UNMASKING, Wish.EXTRAPOLATION, Wish.CORRECTOR);
        Unmasking unmasking = configuration.sampling().unmasking(draw.sampling().unmasking());
        boolean roll = !Boolean.FALSE.equals(configuration.sampling().roll());
        return new MaskedWalk(draw, denoiser, false, MaskedShares.PLAIN, unmasking, roll).run(times(draw));
    }

    /** How many tokens are masked at a share of them. */
    private static long masks(GridDraw draw, double share) {
        return Math.round(share * draw.length());
    }

    /** The share of masked tokens before each step and after the last; each reveals one at least. */
    private double[] times(GridDraw draw) {
        int unknown = Math.toIntExact(draw.unknown());
        int[] known = draw.sampling().steps() instanceof Steps.Listed
                ? listed(draw, unknown)
                : configuration.sampling().known(unknown, Math.min(unknown, steps(draw)));
        double[] times = new double[known.length + 1];
        for (int i = 0; i < times.length; i++) {
            times[i] = (double) (unknown - (i == 0 ? 0 : known[i - 1])) / draw.length();
        }
        return times;
    }

    private int steps(GridDraw draw) {
        int wanted = draw.sampling().steps().count();
        return wanted == 0
                ? draw.sampling().steps().number(draw.grown(steps))
                : MaskGitSampling.check(wanted, draw.length());
    }

    /** How many of the unknown tokens are known after each step of a list of times. */
    private static int[] listed(GridDraw draw, int unknown) {
        MaskGitSampling.check(draw.sampling().steps().count(), draw.length());
        double[] shares = draw.unknownYet(draw.times(1), share -> share);
        int[] known = new int[Math.min(shares.length - 1, unknown)];
        int before = 0;
        for (int s = 0; s < known.length; s++) {
            double after = shares[shares.length - known.length + s];
            int most = unknown - (known.length - 1 - s);
            int count = unknown - Math.toIntExact(Math.min(unknown, masks(draw, after)));
            known[s] = Math.min(most, Math.max(before + 1, count));
            before = known[s];
        }
        return known;
    }

    /** bool [B, L] -> where it is true, int64 [M] */
    private static Tensor positions(Tensor where) {
        return where.flatten().nonzero().squeeze(1);
    }

    /** {@code values} [M] at {@code at} [M] of [B, L] -> [B, L] */
    private static Tensor fill(Tensor grids, Tensor at, Tensor values) {
        return grids.flatten().index_copy(0, at, values).view_as(grids);
    }

    /** One estimate of {@link MaskedBound}, without smoothing. */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        Tensor codes = batch.codes();
        return core.negativeLogLikelihood(batch, () -> {
            Generator generator = seed.generator();
            return MaskedBound.negativeLogLikelihood(
                    codes.size(0), length, codes.device(), generator, entropy(codes, batch.labels(), generator));
        });
    }

    private MaskedBound.Entropy entropy(Tensor codes, Tensor labels, Generator generator) {
        return (lost, share) -> {
            Tensor at = positions(lost);
            Tensor nats = negativeLogLikelihood(guess(codes, labels, lost, at, generator), codes, at);
            return fill(torch.zeros_like(lost).to(ScalarType.Float), at, nats).sum(1);
        };
    }

    /** @throws IllegalArgumentException by confidence, where other tokens are revealed than step costs reckon with */
    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        if (configuration.sampling().order() == MaskGitSampling.Order.CONFIDENCE) {
            throw new IllegalArgumentException(
                    "steps can't be searched where the most confident tokens are revealed first,"
                            + " whose likelihood is not the model's: take another order, such as"
                            + " --set 'prior.sampling={order: halton}'");
        }
        return core.stepCosts(batch, () -> {
            Generator generator = seed.generator();
            return MaskedBound.stepCosts(
                    batch.codes(), shares, generator, entropy(batch.codes(), batch.labels(), generator));
        });
    }

    @Override
    public int usualSteps() {
        return steps;
    }

    @Override
    public boolean exact() {
        return false;
    }
}
