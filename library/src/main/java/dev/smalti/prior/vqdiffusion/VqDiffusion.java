package dev.smalti.prior.vqdiffusion;

import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.MaskAndReplace;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.ActivePositions;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.ReverseProcess;
import dev.smalti.prior.process.ReverseProcess.Terms;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A chain of T steps masks most tokens and replaces some, and a network that is told the time learns the way back. Gu
 * et al. 2022, arXiv:2111.14822; drawn as Tang et al. 2022, arXiv:2205.16007, if so configured.
 *
 * <p>Letters: B batch, L tokens, K codes, M positions, T steps of the model, T' steps of a draw.
 */
public final class VqDiffusion implements SearchableSteps {
    private final VqDiffusionConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final Denoiser network;
    private final ReverseProcess reverse;
    private final double priorNats;
    private final TimeHistory history;

    /** @param classes 0 for an unconditional prior */
    public VqDiffusion(
            VqDiffusionConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        Corruption corruption = new MaskAndReplace(space);
        this.reverse = new ReverseProcess(space, corruption, configuration.schedule(), configuration.posterior());
        this.priorNats = reverse.priorNats();
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        NetworkShape shape = new NetworkShape(
                space.height(), space.width(), corruption.states(), space.codes(), classes, configuration.steps());
        this.network = configuration.network().build(core.parameters(), shape);
        this.history = configuration.importance() ? new TimeHistory(core.parameters(), configuration.steps()) : null;
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
        return "VQ-Diffusion, " + reverse.process();
    }

    ReverseProcess reverse() {
        return reverse;
    }

    TimeHistory history() {
        return history;
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(core, configuration.labelDropping(), (x0, label, generator) -> {
            long size = x0.size(0);
            Tensor p = history == null ? null : history.probabilities(); // [T]
            Tensor t = p == null ? reverse.times(size, generator) : TimeHistory.draw(p, size, generator); // [B]
            Tensor share = p == null // p(t), [B]
                    ? Tensors.ones(size).to(ScalarType.Double).div(new Scalar((double) reverse.steps()))
                    : p.index_select(0, t.sub(new Scalar(1L)));
            ImportanceMasking masking = reverse.importanceMasking(t, generator);
            return trainingLoss(network, x0, reverse.corrupt(x0, t, masking.u()), label, t, share, masking.weight());
        }));
    }

    /**
     * (L_t + λ_t CE) / p(t) in bits per token, λ_t = λ (2 - (t-1)/T) where it is adaptive; and the bound as a measure.
     * Takes note of L_t for the times to come.
     *
     * @param x0 int64 [B, L]
     * @param xt int64 [B, L], drawn of q(x_t | x_0)
     * @param t int64 [B], 1..T
     * @param share p(t), float64 [B]
     * @param counts the weight of each grid, float64 [B]
     */
    Loss trainingLoss(Denoiser denoiser, Tensor x0, Tensor xt, Tensor label, Tensor t, Tensor share, Tensor counts) {
        Tensor each = each(denoiser, x0, xt, label, t, share, counts); // [B, 2]
        double bits = core.bits();
        return new Loss(
                each.select(1, 0).mean().mul(new Scalar(bits)),
                Map.of(
                        "elbo_bits",
                        each.select(1, 1)
                                .detach()
                                .mean()
                                .add(new Scalar(priorNats))
                                .mul(new Scalar(bits))),
                byTime(each, t, share));
    }

    /** As if times were uniform: T times what a time adds, in bits a token. */
    private Loss.ByTime byTime(Tensor each, Tensor t, Tensor share) {
        double steps = reverse.steps();
        Tensor uniform = Devices.send(share.mul(new Scalar(steps * core.bits())), each.device(), ScalarType.Double);
        return new Loss.ByTime(
                t.div(new Scalar(steps)), each.detach().select(1, 0).mul(uniform));
    }

    /** The loss and L_t / p(t) of each grid, weighted, in nats. -> float64 [B, 2] */
    Tensor each(Denoiser denoiser, Tensor x0, Tensor xt, Tensor label, Tensor t, Tensor share, Tensor counts) {
        Terms terms = reverse.terms(denoiser, x0, xt, t, label);
        Tensor weight = weight(xt, t); // [B, L]
        Tensor bound = terms.divergence().mul(weight).sum(1); // L_t, [B]
        if (history != null) {
            history.record(t, bound.mul(Devices.send(counts, x0.device(), ScalarType.Double)));
        }
        Tensor auxiliary = terms.entropy().mul(weight).sum(1).mul(new Scalar(configuration.auxiliary()));
        if (configuration.adaptive()) {
            Tensor addition = t.sub(new Scalar(1L)).to(ScalarType.Double).div(new Scalar(-1.0 * reverse.steps()));
            auxiliary = auxiliary.mul(Devices.send(addition.add(new Scalar(2.0)), x0.device(), ScalarType.Double));
        }
        Tensor p = Devices.send(share.div(counts), x0.device(), ScalarType.Double);
        return torch.stack(
                new TensorVector(
                        bound.add(auxiliary).div(p), terms.divergence().sum(1).div(p)),
                1);
    }

    /** The weights of positions; 1 at the last step back, as released. float64 [B, L] */
    private Tensor weight(Tensor xt, Tensor t) {
        Tensor masked = xt.eq(new Scalar(space.mask()));
        Tensor weight = torch.full_like(xt, new Scalar(0L)).to(ScalarType.Double);
        weight = weight.add(new Scalar(configuration.maskWeight().get(1)))
                .masked_fill(masked, new Scalar(configuration.maskWeight().get(0)));
        Tensor first =
                Devices.send(t.eq(new Scalar(1L)), xt.device(), ScalarType.Bool).unsqueeze(1);
        return weight.masked_fill(first, new Scalar(1.0));
    }

    /** Ancestral sampling in T' steps spread evenly over T, or by the purity rule if so configured. */
    @Override
    public Tensor sample(GridDraw draw) {
        return sample(network, draw);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, GridDraw draw) {
        boolean pure = configuration.sampling().purity() != null;
        if (pure
                && !(draw.sampling().unmasking().equals(Unmasking.USUAL)
                        && draw.sampling().extrapolation().equals(Extrapolation.NONE))) {
            throw new UnsupportedSamplingException(
                    "the purity rule says itself which tokens are drawn, and of which guess: leave out order, reveal, entropy"
                            + " bound and extrapolation, or the purity (--set prior.sampling={})");
        }
        Supplier<Tensor> start = pure ? draw::masks : () -> reverse.start(draw);
        return reverse.walk(draw, denoiser, start, (xt, given) -> {
            Step step = given.filter(truncated(given.filter()));
            return pure && !step.last() ? surest(draw, xt, step, tokens(draw, step)) : reverse.step(draw, xt, step);
        });
    }

    /** With the truncation of the recipe where the caller asks for none. */
    private LogitFilter truncated(LogitFilter given) {
        return given.filters().topP() < 1
                ? given
                : given.topP(configuration.sampling().truncation());
    }

    /** How many tokens of a grid a step of the purity rule draws: of L in T steps as many as it goes. */
    private long tokens(GridDraw draw, Step step) {
        if (configuration.sampling().tokens() != null) {
            return configuration.sampling().tokens();
        }
        double each = (double) draw.length() / reverse.steps();
        return Math.round(each * step.t()) - Math.round(each * step.s());
    }

    /**
     * A step of the purity rule: {@code count} masked tokens of each grid are drawn, without putting any back, in
     * proportion to the probability of their likeliest code, and each of p^(1 + r·score), where score is that probability
     * over the greatest of the grid. Tang et al. 2022, section 4.2 and eq. 11. [B, L] -> [B, L]
     */
    Tensor surest(GridDraw draw, Tensor xt, Step step, long count) {
        long length = xt.size(1);
        Tensor masked = xt.eq(new Scalar(space.mask())); // [B, L]
        ActivePositions all = ActivePositions.of(masked.any(1).unsqueeze(1).expand_as(masked)) // of grids that change
                .orElse(null);
        if (count == 0 || all == null) {
            return xt;
        }
        Tensor rows = all.rows(); // [R]
        Tensor logits = draw.logits(all, xt, step.t() - 1, step);
        Tensor log = step.filter()
                .logProbabilities(reverse.withToken(logits, all.read(xt), (int) Math.round(step.t()))); // [R·L, K]
        Tensor score = log.exp().amax(new long[] {1}, false).view(-1, length); // [R, L]
        score = score.div(score.amax(new long[] {1}, true));
        Tensor weights = torch.zeros_like(masked)
                .to(ScalarType.Double)
                .index_copy(0, rows, score.log())
                .masked_fill(masked.logical_not(), new Scalar(Double.NEGATIVE_INFINITY)); // [B, L]
        Tensor counts = masked.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long))
                .clamp_max(new Scalar(count)); // [B]
        Tensor chosen = draw.first(weights, counts, step).index_select(0, rows); // [R, L]
        Tensor within = chosen.flatten().nonzero().squeeze(1); // [M], among those grids
        Tensor power = score.flatten()
                .index_select(0, within)
                .mul(new Scalar(configuration.sampling().purity()))
                .add(new Scalar(1.0))
                .unsqueeze(1);
        Tensor sharp = log.index_select(0, within).mul(power); // [M, K]
        Tensor at = rows.index_select(0, within.floor_divide(new Scalar(length)))
                .mul(new Scalar(length))
                .add(within.remainder(new Scalar(length))); // [M]
        return xt.flatten()
                .index_copy(0, at, draw.pick(at, sharp, step, (piece, from) -> piece))
                .view_as(xt);
    }

    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(
                batch, () -> reverse.negativeLogLikelihood(network, batch.codes(), batch.labels(), seed.generator()));
    }

    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        return core.stepCosts(
                batch, () -> reverse.stepCosts(network, batch.codes(), batch.labels(), shares, seed.generator()));
    }

    @Override
    public int usualSteps() {
        return reverse.steps();
    }

    @Override
    public int boundSteps() {
        return reverse.steps();
    }

    @Override
    public boolean exact() {
        return false;
    }
}
