package dev.smalti.prior.d3pm;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Uniform;
import dev.smalti.draw.Order;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.SearchableSteps;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.d3pm.D3pmConfiguration.Transitions;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.MaskedWalk;
import dev.smalti.prior.process.ReverseProcess;
import dev.smalti.prior.process.ReverseProcess.Terms;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A chain of T steps replaces or masks tokens, and a network that is told the time learns the way back. Austin et al.
 * 2021, arXiv:2107.03006.
 *
 * <p>Letters: B batch, L tokens, T steps of the model, T' steps of a draw.
 */
public final class D3pm implements SearchableSteps {
    private final D3pmConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final Denoiser network;
    private final ReverseProcess reverse;
    private final double priorNats;

    /** @param classes 0 for an unconditional prior */
    public D3pm(D3pmConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        Corruption corruption =
                configuration.transitions() == Transitions.ABSORBING ? new Absorbing(space) : new Uniform(space);
        this.reverse = new ReverseProcess(space, corruption, configuration.schedule(), configuration.posterior());
        this.priorNats = reverse.priorNats();
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        NetworkShape shape = new NetworkShape(
                space.height(), space.width(), corruption.states(), space.codes(), classes, configuration.steps());
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
        return "D3PM, " + reverse.process();
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(core, configuration.labelDropping(), (x0, label, generator) -> {
            Tensor t = reverse.times(x0.size(0), generator); // [B]
            return trainingLoss(network, x0, label, t, reverse.importanceMasking(t, generator));
        }));
    }

    /**
     * T (L_t + λ CE) in bits per token, whose mean over t is the bound and λ T times the mean cross-entropy; and the
     * bound as a measure. The paper's hybrid loss, eq. 5, in the weighting of its code.
     *
     * @param x0 int64 [B, L]
     * @param t int64 [B], 1..T
     */
    Loss trainingLoss(Denoiser denoiser, Tensor x0, Tensor label, Tensor t, ImportanceMasking masking) {
        Terms terms = reverse.terms(denoiser, x0, reverse.corrupt(x0, t, masking.u()), t, label);
        Tensor weight = Devices.send(masking.weight(), x0.device(), ScalarType.Double); // [B]
        double bits = core.bits();
        Scalar scale = new Scalar(reverse.steps() * bits);
        Tensor bound = terms.divergence().sum(1).mul(weight).mul(scale); // [B]
        Tensor entropy = terms.entropy().sum(1).mul(weight).mul(scale);
        Tensor each = bound.add(entropy.mul(new Scalar(configuration.crossEntropy())));
        return new Loss(
                each.mean(),
                Map.of("elbo_bits", bound.detach().mean().add(new Scalar(priorNats * bits))),
                new Loss.ByTime(t.div(new Scalar((double) reverse.steps())), each));
    }

    /** Ancestral sampling in T' steps spread evenly over T; the posterior is over several at once. */
    @Override
    public Tensor sample(GridDraw draw) {
        return sample(network, draw);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, GridDraw draw) {
        if (configuration.transitions() == Transitions.ABSORBING) {
            draw.able(Wish.UNMASKING, Wish.EXTRAPOLATION, Wish.CORRECTOR);
            Unmasking unmasking = MaskedWalk.filled(draw.sampling().unmasking(), Reveal.COINS, Order.RANDOM);
            double[] times = reverse.times(draw);
            reverse.checkHalves(draw.sampling(), times);
            return new MaskedWalk(draw, denoiser, false, reverse.masking(), unmasking, true).run(times);
        }
        return reverse.walk(draw, denoiser, () -> reverse.start(draw), (xt, step) -> reverse.step(draw, xt, step));
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
