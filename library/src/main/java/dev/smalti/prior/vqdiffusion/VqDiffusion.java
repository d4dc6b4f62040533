package dev.smalti.prior.vqdiffusion;

import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.MaskAndReplace;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.LogitFilter;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.ActivePositions;
import dev.smalti.prior.process.Frame;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.PriorObjective;
import dev.smalti.prior.process.ReverseProcess;
import dev.smalti.prior.process.ReverseProcess.Terms;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
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
public final class VqDiffusion implements Prior {
    private final VqDiffusionConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final Parameters parameters;
    private final Denoiser network;
    private final ReverseProcess reversal;
    private final double priorNats;
    private final TimeHistory history;

    /** @param classes 0 for an unconditional prior */
    public VqDiffusion(
            VqDiffusionConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        Corruption corruption = new MaskAndReplace(space);
        this.reversal = new ReverseProcess(space, corruption, configuration.schedule(), configuration.posterior());
        this.priorNats = reversal.priorNats();
        this.parameters = new Parameters(seed, device);
        NetworkShape shape = new NetworkShape(
                space.height(), space.width(), corruption.states(), space.codes(), classes, configuration.steps());
        this.network = configuration.network().build(parameters, shape);
        this.history = configuration.importance() ? new TimeHistory(parameters, configuration.steps()) : null;
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

    Denoiser network() {
        return network;
    }

    ReverseProcess reversal() {
        return reversal;
    }

    TimeHistory history() {
        return history;
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(
                new PriorObjective(parameters, classes, configuration.labelDropping(), (x0, label, generator) -> {
                    long size = x0.size(0);
                    Tensor p = history == null ? null : history.probabilities(); // [T]
                    Tensor t =
                            p == null ? reversal.times(size, generator) : TimeHistory.draw(p, size, generator); // [B]
                    Tensor share = p == null // p(t), [B]
                            ? Tensors.ones(size).to(ScalarType.Double).div(new Scalar((double) reversal.steps()))
                            : p.index_select(0, t.sub(new Scalar(1L)));
                    ImportanceMasking losing = reversal.losing(t, generator);
                    return trainingLoss(
                            network, x0, reversal.corrupt(x0, t, losing.u()), label, t, share, losing.weight());
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
        double bits = 1 / (space.length() * Math.log(2));
        return new Loss(
                each.select(1, 0).mean().mul(new Scalar(bits)),
                Map.of(
                        "elbo_bits",
                        each.select(1, 1)
                                .detach()
                                .mean()
                                .add(new Scalar(priorNats))
                                .mul(new Scalar(bits))));
    }

    /** The loss and L_t / p(t) of each grid, weighted, in nats. -> float64 [B, 2] */
    Tensor each(Denoiser denoiser, Tensor x0, Tensor xt, Tensor label, Tensor t, Tensor share, Tensor counts) {
        Terms terms = reversal.terms(denoiser, x0, xt, t, label);
        Tensor weight = weight(xt, t); // [B, L]
        Tensor bound = terms.divergence().mul(weight).sum(1); // L_t, [B]
        if (history != null) {
            history.record(t, bound.mul(counts.to(x0.device(), ScalarType.Double)));
        }
        Tensor auxiliary = terms.entropy().mul(weight).sum(1).mul(new Scalar(configuration.auxiliary()));
        if (configuration.adaptive()) {
            Tensor addition = t.sub(new Scalar(1L)).to(ScalarType.Double).div(new Scalar(-1.0 * reversal.steps()));
            auxiliary = auxiliary.mul(addition.add(new Scalar(2.0)).to(x0.device(), ScalarType.Double));
        }
        Tensor p = share.div(counts).to(x0.device(), ScalarType.Double);
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
        Tensor first = t.eq(new Scalar(1L)).to(xt.device(), ScalarType.Bool).unsqueeze(1);
        return weight.masked_fill(first, new Scalar(1.0));
    }

    /** Ancestral sampling in T' steps spread evenly over T, or by the purity rule if so configured. */
    @Override
    public Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        return sample(network, sampling, labels, draws, watcher);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        int steps = reversal.steps(sampling.steps());
        Double purity = configuration.sampling().purity();
        return Scope.keep(() -> {
            Frame frame = Frame.of(space, sampling, draws);
            Guidance guided = new Guidance(frame.around(denoiser), sampling.against(classes));
            return reversal.walk(
                    this,
                    frame,
                    sampling,
                    guided,
                    labels,
                    draws,
                    steps,
                    () -> purity == null
                            ? reversal.start(draws, frame.space().length())
                            : Tensors.filled(
                                    space.mask(), draws.grids(), frame.space().length()),
                    (xt, number, given) -> {
                        LogitFilter filter = truncated(given);
                        int t = reversal.time(sampling, number, steps);
                        return purity == null || number == steps
                                ? reversal.step(
                                        guided,
                                        filter,
                                        xt,
                                        labels,
                                        t,
                                        reversal.time(sampling, number + 1, steps),
                                        draws,
                                        parameters.device())
                                : surest(guided, filter, xt, labels, t, tokens(sampling, number, steps, frame), draws);
                    },
                    watcher);
        });
    }

    /** With the truncation of the recipe where the caller asks for none. */
    private LogitFilter truncated(LogitFilter given) {
        return given.topP() < 1 ? given : given.topP(configuration.sampling().truncation());
    }

    private long tokens(Sampling sampling, int number, int steps, Frame frame) {
        if (configuration.sampling().tokens() != null) {
            return configuration.sampling().tokens();
        }
        long all = frame.space().length();
        return sampling.times() == null
                ? all * number / steps - all * (number - 1) / steps
                : Math.round(all * sampling.time(number, steps)) - Math.round(all * sampling.time(number + 1, steps));
    }

    /**
     * A step of the purity rule: {@code count} masked tokens of each grid are drawn, without putting any back, in
     * proportion to the probability of their likeliest code, and each of p^(1 + r·score), where score is that
     * probability over the greatest of the grid. Tang et al. 2022, section 4.2 and eq. 11. [B, L] -> [B, L]
     */
    Tensor surest(
            Denoiser denoiser, LogitFilter filter, Tensor xt, Tensor labels, int t, long count, RandomStreams draws) {
        return Scope.keep(() -> {
            long length = xt.size(1);
            Tensor masked = xt.eq(new Scalar(space.mask())); // [B, L]
            ActivePositions all = ActivePositions.of(masked.any(1).unsqueeze(1).expand_as(masked))
                    .orElse(null); // of grids that change
            if (count == 0 || all == null) {
                return xt;
            }
            Tensor rows = all.rows(); // [R]
            Tensor logits = all.logits(denoiser, xt, t - 1, labels, parameters.device());
            Tensor log = filter.logProbabilities(reversal.withToken(logits, all.read(xt), t)); // [R·L, K]
            Tensor score = log.exp().amax(new long[] {1}, false).view(-1, length); // [R, L]
            score = score.div(score.amax(new long[] {1}, true));
            Tensor open = masked.index_select(0, rows); // [R, L]
            Tensor race = draws.exponential(Tensors.toLongs(masked.flatten().nonzero()), length, 1);
            Tensor arrival = torch.full_like(score, new Scalar(Double.NEGATIVE_INFINITY))
                    .masked_scatter(open, race.log().neg())
                    .add(score.log());
            Tensor rank = arrival.argsort(1, true).argsort(1, false); // [R, L]
            Tensor chosen = rank.lt(new Scalar(count)).logical_and(open);
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
            Tensor codes = draws.pick(at, length, sharp);
            return xt.flatten().index_copy(0, at, codes).view_as(xt);
        });
    }

    @Override
    public Tensor negativeLogLikelihood(Tensor codes, Tensor labels, Seed seed) {
        return Inference.negativeLogLikelihood(
                this, codes, labels, () -> reversal.negativeLogLikelihood(network, codes, labels, seed.generator()));
    }

    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        return Inference.stepCosts(
                this,
                batch,
                () -> reversal.stepCosts(network, batch.codes(), batch.labels(), shares, seed.generator()));
    }

    @Override
    public boolean exact() {
        return false;
    }

    @Override
    public void close() {
        parameters.close();
    }
}
