package dev.smalti.prior.maskgit;

import dev.smalti.corruption.Absorbing;
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
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.process.ActivePositions;
import dev.smalti.prior.process.Chain;
import dev.smalti.prior.process.Frame;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.MaskedBound;
import dev.smalti.prior.process.PriorObjective;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
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
public final class MaskGit implements Prior {
    private final MaskGitConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final int length;
    private final int steps;
    private final Parameters parameters;
    private final Denoiser network;
    private final Absorbing absorbing;

    /**
     * @param classes 0 for an unconditional prior
     * @throws IllegalArgumentException if more sampling steps are configured than a grid has tokens
     */
    public MaskGit(MaskGitConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        this.length = Math.toIntExact(space.length());
        this.steps = configuration.sampling().steps(length);
        this.parameters = new Parameters(seed, device);
        this.absorbing = new Absorbing(space);
        NetworkShape shape =
                new NetworkShape(space.height(), space.width(), space.codes() + 1L, space.codes(), classes, 0);
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
                    Tensor r = Tensors.uniform(generator, x0.size(0)); // [B]
                    Tensor lost = lost(r, Tensors.uniform(generator, x0.size(0), length)); // [B, L]
                    return trainingLoss(x0, label, lost.to(x0.device(), ScalarType.Bool));
                }));
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
     * @param lost bool [B, L]
     */
    Loss trainingLoss(Tensor x0, Tensor label, Tensor lost) {
        double other = configuration.unmaskedWeight();
        Tensor at = positions(other > 0 ? torch.ones_like(lost) : lost); // [M]
        Tensor log = guess(x0, label, lost, at); // [M, K]
        Tensor nats = negativeLogLikelihood(log, x0, at); // [M]
        double smoothing = configuration.labelSmoothing();
        Tensor smoothed = nats.mul(new Scalar(1 - smoothing)).sub(log.mean(-1).mul(new Scalar(smoothing)));
        Tensor masked = lost.flatten().index_select(0, at).to(ScalarType.Float);
        Tensor bits = mean(nats.detach(), masked).div(new Scalar(Math.log(2)));
        return new Loss(mean(smoothed, masked.clamp_min(new Scalar(other))), Map.of("masked_bits", bits));
    }

    /** The weighted mean; 0 where nothing has weight. */
    private static Tensor mean(Tensor values, Tensor weight) {
        return values.mul(weight).sum().div(weight.sum().clamp_min(new Scalar(1e-9)));
    }

    /** Log-probabilities of the codes at some positions of grids that lost some tokens. -> float32 [M, K] */
    private Tensor guess(Tensor x0, Tensor label, Tensor lost, Tensor at) {
        Tensor xt = absorbing.mask(x0, lost);
        return torch.log_softmax(network.logits(xt, time(xt), label, at).to(ScalarType.Float), -1);
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
    public Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        return sample(network, sampling, labels, draws, watcher);
    }

    /** The same with logits of {@code denoiser}. */
    Tensor sample(Denoiser denoiser, Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        return Scope.keep(() -> {
            Frame frame = Frame.of(space, sampling, draws);
            int all = sampling.steps() == 0
                    ? frame.grown(steps)
                    : MaskGitSampling.check(sampling.steps(), frame.space().length());
            int skipped = sampling.times() == null ? 0 : frame.skipped(sampling, all);
            int last = (int) Math.min(all - skipped, frame.unknown());
            Guidance guided = new Guidance(frame.around(denoiser), sampling.against(classes));
            return Chain.run(
                    this,
                    frame,
                    sampling,
                    guided,
                    labels,
                    draws,
                    last,
                    () -> frame.keep(new Absorbing(frame.space()).nothing(draws.grids())),
                    new Walk(frame, guided, sampling, labels, draws, last),
                    watcher);
        });
    }

    /** The steps of one draw. The network sees the positions whose token may change; every grid has some in every step. */
    private final class Walk implements Chain.Step {
        private final long length;
        private final long unknown;
        private final Guidance guided;
        private final Sampling sampling;
        private final Tensor labels;
        private final RandomStreams draws;
        private final int[] known; // of those that were not known from the first
        private final Tensor rank;

        Walk(Frame frame, Guidance guided, Sampling sampling, Tensor labels, RandomStreams draws, int steps) {
            this.length = frame.space().length();
            this.unknown = frame.unknown();
            this.guided = guided;
            this.sampling = sampling;
            this.labels = labels;
            this.draws = draws;
            this.known = sampling.times() == null
                    ? configuration.sampling().known(Math.toIntExact(unknown), steps)
                    : known(sampling, frame, steps);
            this.rank = configuration.sampling().rank(frame, draws);
        }

        @Override
        public Tensor take(Tensor xt, int number) {
            return Scope.keep(() -> rank == null ? mostConfident(xt, number) : nextInOrder(xt, number));
        }

        /** The tokens whose turn it is are drawn. [B, L] -> [B, L] */
        private Tensor nextInOrder(Tensor xt, int number) {
            Tensor due = rank.lt(new Scalar((long) known[number - 1]));
            ActivePositions places =
                    ActivePositions.of(absorbing.masked(xt).logical_and(due)).orElseThrow();
            return places.write(xt, draw(logits(places, xt, number), places, number));
        }

        /** All masked tokens are drawn, and those that the model is least sure of are masked again. [B, L] -> [B, L] */
        private Tensor mostConfident(Tensor xt, int number) {
            ActivePositions places = ActivePositions.of(absorbing.masked(xt)).orElseThrow();
            Tensor logits = logits(places, xt, number); // [M, K]
            Tensor drawn = draw(logits, places, number); // [M]
            Tensor filled = places.write(xt, drawn);
            if (number == known.length) {
                return filled;
            }
            double noise = configuration.sampling().noise() * (1 - (double) number / known.length);
            Tensor exponential = draws.exponential(places.indices(), length, 1).squeeze(1);
            Tensor confidence = torch.full(
                    new long[] {xt.size(0), length},
                    new Scalar(Double.POSITIVE_INFINITY),
                    Tensors.options(ScalarType.Double)); // known ones stay
            confidence = places.write(confidence, Confidence.of(logits, drawn, exponential, noise));
            long count = length - unknown + known[number - 1];
            return torch.where(Confidence.most(confidence, count), filled, xt);
        }

        /** All grids have the same number of masks before a step. -> [M, K], on the CPU */
        private Tensor logits(ActivePositions places, Tensor xt, int number) {
            int before = number == 1 ? 0 : known[number - 2];
            return places.logits(guided, xt, (double) (unknown - before) / length, labels, parameters.device());
        }

        private Tensor draw(Tensor logits, ActivePositions places, int number) {
            Tensor log = sampling.filter(number, known.length).logProbabilities(logits);
            return draws.pick(places.at(), length, log);
        }
    }

    /** How many of the unknown tokens are known after each step of a list of times, each of which reveals one at least. */
    private static int[] known(Sampling sampling, Frame frame, int steps) {
        int unknown = Math.toIntExact(frame.unknown());
        int[] known = new int[steps];
        for (int s = 0; s < steps; s++) {
            // where some are known, the first steps of the list are left out
            int number = s + 2 + sampling.steps() - steps;
            long masked = Math.round(Math.min(
                            1,
                            sampling.time(number, sampling.steps())
                                    * frame.space().length()
                                    / unknown)
                    * unknown);
            int most = unknown - (steps - 1 - s);
            known[s] = s == steps - 1
                    ? unknown
                    : Math.min(most, Math.max(s == 0 ? 1 : known[s - 1] + 1, unknown - Math.toIntExact(masked)));
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
    public Tensor negativeLogLikelihood(Tensor codes, Tensor labels, Seed seed) {
        return Inference.negativeLogLikelihood(
                this,
                codes,
                labels,
                () -> MaskedBound.negativeLogLikelihood(
                        codes.size(0), length, codes.device(), seed.generator(), entropy(codes, labels)));
    }

    private MaskedBound.Entropy entropy(Tensor codes, Tensor labels) {
        return (lost, share) -> {
            Tensor at = positions(lost);
            Tensor nats = negativeLogLikelihood(guess(codes, labels, lost, at), codes, at);
            return fill(torch.zeros_like(lost).to(ScalarType.Float), at, nats).sum(1);
        };
    }

    /** @throws IllegalArgumentException by confidence, where other tokens are revealed than leaps reckon with */
    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        if (configuration.sampling().order() == MaskGitSampling.Order.CONFIDENCE) {
            throw new IllegalArgumentException(
                    "steps can't be searched where the most confident tokens are revealed first,"
                            + " whose likelihood is not the model's: take another order, such as"
                            + " --set 'prior.sampling={order: halton}'");
        }
        return Inference.stepCosts(
                this,
                batch,
                () -> MaskedBound.stepCosts(
                        batch.codes(), shares, seed.generator(), entropy(batch.codes(), batch.labels())));
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
