package dev.smalti.prior.d3pm;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Uniform;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.d3pm.D3pmConfiguration.Transitions;
import dev.smalti.prior.process.Frame;
import dev.smalti.prior.process.ImportanceMasking;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.PriorObjective;
import dev.smalti.prior.process.ReverseProcess;
import dev.smalti.prior.process.ReverseProcess.Terms;
import dev.smalti.tensor.Scope;
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
public final class D3pm implements Prior {
    private final D3pmConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final Parameters parameters;
    private final Denoiser network;
    private final ReverseProcess reversal;
    private final double priorNats;

    /** @param classes 0 for an unconditional prior */
    public D3pm(D3pmConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        Corruption corruption =
                configuration.transitions() == Transitions.ABSORBING ? new Absorbing(space) : new Uniform(space);
        this.reversal = new ReverseProcess(space, corruption, configuration.schedule(), configuration.posterior());
        this.priorNats = reversal.priorNats();
        this.parameters = new Parameters(seed, device);
        NetworkShape shape = new NetworkShape(
                space.height(), space.width(), corruption.states(), space.codes(), classes, configuration.steps());
        this.network = configuration.network().build(parameters, shape);
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

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(
                new PriorObjective(parameters, classes, configuration.labelDropping(), (x0, label, generator) -> {
                    Tensor t = reversal.times(x0.size(0), generator); // [B]
                    return trainingLoss(network, x0, label, t, reversal.losing(t, generator));
                }));
    }

    /**
     * T (L_t + λ CE) in bits per token, whose mean over t is the bound and λ T times the mean cross-entropy; and the
     * bound as a measure. The paper's hybrid loss, eq. 5, in the weighting of its code.
     *
     * @param x0 int64 [B, L]
     * @param t int64 [B], 1..T
     */
    Loss trainingLoss(Denoiser denoiser, Tensor x0, Tensor label, Tensor t, ImportanceMasking losing) {
        Terms terms = reversal.terms(denoiser, x0, reversal.corrupt(x0, t, losing.u()), t, label);
        Tensor weight = losing.weight().to(x0.device(), ScalarType.Double); // [B]
        double bits = 1 / (space.length() * Math.log(2));
        Scalar scale = new Scalar(reversal.steps() * bits);
        Tensor bound = terms.divergence().sum(1).mul(weight).mean().mul(scale);
        Tensor entropy = terms.entropy().sum(1).mul(weight).mean().mul(scale);
        return new Loss(
                bound.add(entropy.mul(new Scalar(configuration.crossEntropy()))),
                Map.of("elbo_bits", bound.detach().add(new Scalar(priorNats * bits))));
    }

    /** Ancestral sampling in T' steps spread evenly over T; the posterior is over several at once. */
    @Override
    public Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        return sample(network, sampling, labels, draws, watcher);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        int steps = reversal.steps(sampling.steps());
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
                    () -> reversal.start(draws, frame.space().length()),
                    (xt, number, filter) -> reversal.step(
                            guided,
                            filter,
                            xt,
                            labels,
                            reversal.time(sampling, number, steps),
                            reversal.time(sampling, number + 1, steps),
                            draws,
                            parameters.device()),
                    watcher);
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
