package dev.smalti.prior.autoregressive;

import dev.smalti.corruption.Absorbing;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.CausalTransformer;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.Chain;
import dev.smalti.prior.process.Frame;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.PriorObjective;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are drawn one by one in raster order, each given all before it: ln p(x) = Σ_i ln p(x_i | x_1..x_{i-1}). The
 * baseline of Bond-Taylor et al. 2022, arXiv:2111.12701, section 5.
 *
 * <p>Letters: B batch, L tokens, K codes.
 */
public final class AutoregressiveTransformer implements Prior {
    private final AutoregressiveConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final Parameters parameters;
    private final CausalTransformer network;

    /** @param classes 0 for an unconditional prior */
    public AutoregressiveTransformer(
            AutoregressiveConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        this.parameters = new Parameters(seed, device);
        NetworkShape shape = new NetworkShape(space.height(), space.width(), space.codes(), space.codes(), classes, 0);
        this.network = new CausalTransformer(parameters, configuration.network(), shape);
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

    CausalTransformer network() {
        return network;
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(
                parameters, classes, configuration.labelDropping(), (x, label, generator) -> trainingLoss(x, label)));
    }

    /** The negative log-likelihood in bits per token. x int64 [B, L] */
    Loss trainingLoss(Tensor x, Tensor label) {
        double bits = 1 / (space.length() * Math.log(2));
        return new Loss(entropy(x, label).mul(new Scalar(bits)).mean(), Map.of());
    }

    /** -ln p of each grid. int64 [B, L] -> float32 [B] */
    private Tensor entropy(Tensor x, Tensor label) {
        Tensor logits = network.logits(x, label).to(ScalarType.Float); // [B·L, K]
        return torch.cross_entropy_loss(logits, x.flatten(), new TensorOptional(), 0 /* no reduction */, -100, 0)
                .view_as(x)
                .sum(1);
    }

    /**
     * Ancestral sampling in L steps, a token each. Known tokens are read rather than drawn, and must come before all others,
     * since what follows a token has no say in it.
     */
    @Override
    public Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        int length = Math.toIntExact(space.length());
        if (sampling.steps() != 0 && sampling.steps() != length) {
            throw new UnsupportedSamplingException("steps must be left out or " + length
                    + ", the number of tokens, each of which is drawn given all before it, got " + sampling.steps());
        }
        if (sampling.times() != null) {
            throw new UnsupportedSamplingException(
                    "times must be left out: each step draws the next codes, and there is no share"
                            + " of noise to choose");
        }
        if (sampling.canvas() != null
                && (sampling.canvas().height() != space.height()
                        || sampling.canvas().width() != space.width())) {
            throw new UnsupportedSamplingException("an autoregressive model draws grids of its own size alone, "
                    + space.grid() + ", since each place has an order and a position of its own: take a model of"
                    + " another kind for larger ones");
        }
        boolean guided = sampling.guidance() > 0;
        return Scope.keep(() -> {
            Frame frame = Frame.of(space, sampling, draws);
            int first = Math.toIntExact(space.length() - frame.unknown()); // known tokens, if all come first
            if (frame.open().narrow(1, 0, first).any().item_bool()) {
                throw new UnsupportedSamplingException(
                        "an autoregressive model completes what follows, row by row from the top"
                                + " left: it can't fill in before tokens that are kept. Redraw all below and to the right, or take"
                                + " a model of another kind");
            }
            Tensor known = frame.keep(Tensors.filled(0, draws.grids(), space.length()));
            CausalTransformer.Cache cache = network.cache(guided ? 2 * draws.grids() : draws.grids());
            return Chain.run(
                    this,
                    frame,
                    sampling,
                    labels,
                    draws,
                    length,
                    () -> new Absorbing(space).nothing(draws.grids()),
                    (x, number) -> step(sampling, x, number <= first ? known : null, labels, number, draws, cache),
                    watcher);
        });
    }

    /** Draws token {@code number}, counted from 1, or takes it from {@code known}. [B, L] -> [B, L] */
    private Tensor step(
            Sampling sampling,
            Tensor x,
            Tensor known,
            Tensor labels,
            int number,
            RandomStreams draws,
            CausalTransformer.Cache cache) {
        return Scope.keep(() -> {
            long length = space.length();
            int steps = Math.toIntExact(length);
            long i = number - 1L;
            Tensor previous = i == 0 ? null : x.select(1, i - 1).to(parameters.device(), ScalarType.Long); // [B]
            Tensor label = labels == null ? null : labels.to(parameters.device(), ScalarType.Long);
            Tensor logits = (sampling.guidance() > 0
                            ? guided(previous, label, cache, sampling.weight(number, steps), sampling.against(classes))
                            : network.next(previous, label, cache))
                    .cpu(); // [B, K]
            if (known != null) { // the cache had to see it
                return x.index_copy(1, Tensors.longs(i), known.narrow(1, i, 1));
            }
            Tensor at = Tensors.longs(
                    LongStream.range(0, x.size(0)).map(b -> b * length + i).toArray());
            Tensor log = sampling.filter(number, steps).logProbabilities(logits);
            Tensor token = draws.pick(at, length, log); // [B]
            return x.index_copy(1, Tensors.longs(i), token.unsqueeze(1));
        });
    }

    /** {@link Guidance} with a cache of 2B grids: the second half sees the class that is to be avoided, or none. */
    private Tensor guided(Tensor previous, Tensor label, CausalTransformer.Cache cache, double weight, long against) {
        Tensor none = torch.full_like(label, new Scalar(against));
        Tensor both = network.next(
                previous == null ? null : Tensors.cat(0, previous, previous), Tensors.cat(0, label, none), cache);
        long grids = label.size(0);
        return Guidance.mix(both.narrow(0, 0, grids), both.narrow(0, grids, grids), weight);
    }

    /** The likelihood itself: one forward pass, nothing drawn. */
    @Override
    public Tensor negativeLogLikelihood(Tensor codes, Tensor labels, Seed seed) {
        return Inference.negativeLogLikelihood(this, codes, labels, () -> entropy(codes, labels));
    }

    /** @throws IllegalArgumentException always */
    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        throw new IllegalArgumentException(
                "the steps of an autoregressive model can't be searched: each draws the next token");
    }

    @Override
    public boolean exact() {
        return true;
    }

    @Override
    public void close() {
        parameters.close();
    }
}
