package org.example.marginals;

import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.network.Loss;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Tokens that know nothing of each other. Letters: B batch, L tokens, K codes, M places that are drawn. */
public final class Marginals implements Prior {
    private final MarginalsConfiguration configuration;
    private final PriorCore core;
    private final Tensor table; // [classes + 1, L, K], the last row for no class

    Marginals(MarginalsConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        this.table = core.parameters().constant("table", 0, classes + 1L, space.length(), space.codes());
    }

    @Override
    public PriorCore core() {
        return core;
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(
                core,
                configuration.labelDropping(),
                (x0, label, generator) ->
                        new Loss(entropy(x0, label).mul(new Scalar(core.bits())).mean(), Map.of())));
    }

    /** label int64 [B], or null -> [B·L, K] */
    private Tensor logits(Tensor label, long batch) {
        Tensor row = label == null ? Tensors.filled(classes(), batch) : label;
        return table.index_select(0, row.to(parameters().device(), ScalarType.Long))
                .flatten(0, 1);
    }

    /** -ln p of each grid. int64 [B, L] -> float32 [B] */
    private Tensor entropy(Tensor x, Tensor label) {
        Tensor logits = logits(label, x.size(0)); // [B·L, K]
        return torch.cross_entropy_loss(logits, x.flatten(), new TensorOptional(), 0 /* no reduction */, -100, 0)
                .view_as(x)
                .sum(1);
    }

    /** All tokens at once: one step, in which every place that is not known is drawn. */
    @Override
    public Tensor sample(GridDraw draw) {
        int steps = draw.sampling().steps().count();
        if (steps > 1) {
            throw new UnsupportedSamplingException(
                    "steps must be left out or 1, since all tokens are drawn at once, got " + steps);
        }
        if (!draw.space().equals(space())) {
            throw new UnsupportedSamplingException(
                    "marginals draw grids of its own size alone, " + space().grid() + ", since they are of places");
        }
        return draw.run(draw.times(1), denoiser(), draw::masks, (xt, step) -> {
            Tensor masked = xt.eq(new Scalar(space().mask())); // [B, L]
            return draw.fill(xt, masked, step.t(), step);
        });
    }

    /** Lent to draws that are guided away from this prior too. */
    @Override
    public Denoiser denoiser() {
        return (xt, time, label, at) -> logits(label, xt.size(0)).index_select(0, at); // [M, K]
    }

    /** The likelihood itself. */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(batch, () -> entropy(batch.codes(), batch.labels()));
    }

    @Override
    public boolean exact() {
        return true;
    }
}
