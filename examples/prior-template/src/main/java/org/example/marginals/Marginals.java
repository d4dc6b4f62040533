package org.example.marginals;

import dev.smalti.corruption.Absorbing;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.Chain;
import dev.smalti.prior.process.Frame;
import dev.smalti.prior.process.Inference;
import dev.smalti.prior.process.PriorObjective;
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

/** Tokens that know nothing of each other. Letters: B batch, L tokens, K codes. */
public final class Marginals implements Prior {
    private final MarginalsConfiguration configuration;
    private final TokenSpace space;
    private final int classes;
    private final Parameters parameters;
    private final Tensor table; // [classes + 1, L, K], the last row for no class

    Marginals(MarginalsConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.classes = classes;
        this.parameters = new Parameters(seed, device);
        this.table = parameters.constant("table", 0, classes + 1L, space.length(), space.codes());
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

    @Override
    public List<Objective<TokenBatch>> objectives() {
        double bits = 1 / (space.length() * Math.log(2));
        return List.of(new PriorObjective(
                parameters,
                classes,
                configuration.labelDropping(),
                (x0, label, generator) ->
                        new Loss(entropy(x0, label).mul(new Scalar(bits)).mean(), Map.of())));
    }

    /** label int64 [B], or null -> [B, L, K] */
    private Tensor logits(Tensor label, long batch) {
        Tensor row = label == null ? Tensors.filled(classes, batch) : label;
        return table.index_select(0, row.to(parameters.device(), ScalarType.Long));
    }

    /** -ln p of each grid. int64 [B, L] -> float32 [B] */
    private Tensor entropy(Tensor x, Tensor label) {
        Tensor logits = logits(label, x.size(0)).flatten(0, 1); // [B·L, K]
        return torch.cross_entropy_loss(logits, x.flatten(), new TensorOptional(), 0 /* no reduction */, -100, 0)
                .view_as(x)
                .sum(1);
    }

    /** All tokens at once. */
    @Override
    public Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher) {
        if (sampling.steps() > 1) {
            throw new IllegalArgumentException(
                    "steps must be left out or 1, since all tokens are drawn at once, got " + sampling.steps());
        }
        if (sampling.canvas() != null) {
            throw new IllegalArgumentException("marginals are of places, so there is no canvas of another size");
        }
        long grids = draws.grids();
        Frame frame = Frame.of(space, sampling, draws);
        return Chain.run(
                this,
                frame,
                sampling,
                labels,
                draws,
                1,
                () -> new Absorbing(space).nothing(grids),
                (xt, number) -> {
                    Tensor logits = logits(labels, grids);
                    if (sampling.guidance() > 0) {
                        Tensor other = logits(Tensors.filled(sampling.against(classes), grids), grids);
                        logits = Guidance.mix(logits, other, sampling.weight(number, 1));
                    }
                    Tensor log = sampling.filter(number, 1)
                            .logProbabilities(logits.flatten(0, 1).cpu()); // [B·L, K]
                    Tensor all = Tensors.longs(
                            LongStream.range(0, grids * space.length()).toArray());
                    return frame.keep(draws.pick(all, space.length(), log).view(grids, space.length()));
                },
                watcher);
    }

    /** The likelihood itself. */
    @Override
    public Tensor negativeLogLikelihood(Tensor codes, Tensor labels, Seed seed) {
        return Inference.negativeLogLikelihood(this, codes, labels, () -> entropy(codes, labels));
    }

    @Override
    public boolean exact() {
        return true;
    }

    /** @throws IllegalArgumentException always */
    @Override
    public double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed) {
        throw new IllegalArgumentException("the steps of marginals can't be searched: there is one");
    }

    @Override
    public void close() {
        parameters.close();
    }
}
