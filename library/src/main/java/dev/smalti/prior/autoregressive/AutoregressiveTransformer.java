package dev.smalti.prior.autoregressive;

import dev.smalti.draw.Autoguidance;
import dev.smalti.draw.Guidance;
import dev.smalti.draw.Steps;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.CausalNetwork;
import dev.smalti.network.Denoiser;
import dev.smalti.network.KeyValueCache;
import dev.smalti.network.Loss;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorCore;
import dev.smalti.prior.PriorObjective;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.tensor.Scope;
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

/**
 * Tokens are drawn one by one in raster order, each given all before it: ln p(x) = Σ_i ln p(x_i | x_1..x_{i-1}). The
 * baseline of Bond-Taylor et al. 2022, arXiv:2111.12701, section 4.2.2.
 *
 * <p>Letters: B batch, L tokens, K codes.
 */
public final class AutoregressiveTransformer implements Prior {
    private final AutoregressiveConfiguration configuration;
    private final PriorCore core;
    private final TokenSpace space;
    private final CausalNetwork network;

    /** @param classes 0 for an unconditional prior */
    public AutoregressiveTransformer(
            AutoregressiveConfiguration configuration, TokenSpace space, int classes, Seed seed, Device device) {
        this.configuration = configuration;
        this.space = space;
        this.core = new PriorCore(space, classes, new Parameters(seed, device));
        NetworkShape shape = new NetworkShape(space.height(), space.width(), space.codes(), space.codes(), classes, 0);
        this.network = configuration.network().causal(core.parameters(), shape);
    }

    @Override
    public PriorCore core() {
        return core;
    }

    CausalNetwork network() {
        return network;
    }

    /** Of whole grids, [B, L]; a draw asks its {@link CausalNetwork#next}. */
    private record Causal(CausalNetwork network) implements Denoiser {
        @Override
        public Tensor logits(Tensor x, Tensor time, Tensor label, Tensor at) {
            Tensor all = network.logits(x, label); // [B·L, K]
            return at == null ? all : all.index_select(0, at);
        }
    }

    @Override
    public Denoiser denoiser() {
        return new Causal(network);
    }

    @Override
    public String process() {
        return "autoregressive, row by row";
    }

    @Override
    public List<Objective<TokenBatch>> objectives() {
        return List.of(new PriorObjective(
                core, configuration.labelDropping(), (x, label, generator) -> trainingLoss(x, label)));
    }

    /** The negative log-likelihood in bits per token. x int64 [B, L] */
    Loss trainingLoss(Tensor x, Tensor label) {
        double bits = core.bits();
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
    public Tensor sample(GridDraw draw) {
        check(draw);
        long first = space.length() - draw.unknown(); // known tokens, if all come first
        if (draw.open().narrow(1, 0, first).any().item_bool()) {
            throw new UnsupportedSamplingException(
                    "an autoregressive model completes what follows, row by row from the top"
                            + " left: it can't fill in before tokens that are kept. Redraw all below and to the right, or take"
                            + " a model of another kind");
        }
        return Scope.keep(() -> {
            Cached cached = new Cached(draw);
            return draw.run(Steps.USUAL.shares(Math.toIntExact(space.length())), null, draw::masks, (x, step) -> {
                Tensor previous = step.number() == 1 ? null : x.select(1, step.number() - 2L); // [B]
                return next(draw, x, cached.logits(previous, step), step);
            });
        });
    }

    private void check(GridDraw draw) {
        Steps steps = draw.sampling().steps();
        if (steps instanceof Steps.Listed) {
            throw new UnsupportedSamplingException(
                    "times must be left out: each step draws the next codes, and there is no share"
                            + " of noise to choose");
        }
        if (steps.count() != 0 && steps.count() != space.length()) {
            throw new UnsupportedSamplingException("steps must be left out or " + space.length()
                    + ", the number of tokens, each of which is drawn given all before it, got " + steps.count());
        }
        if (!draw.space().equals(space)) {
            throw new UnsupportedSamplingException("an autoregressive model draws grids of its own size alone, "
                    + space.grid() + ", since each place has an order and a position of its own: take a model of"
                    + " another kind for larger ones");
        }
    }

    /** Draws the token of a step; a known one stays, which the cache had to see all the same. [B, L] -> [B, L] */
    private Tensor next(GridDraw draw, Tensor x, Tensor logits, Step step) {
        long i = step.number() - 1L;
        if (i < space.length() - draw.unknown()) {
            return x;
        }
        Tensor at = torch.arange(new Scalar(x.size(0)), Tensors.options(ScalarType.Long, x.device()))
                .mul(new Scalar(space.length()))
                .add(new Scalar(i)); // [B]
        Tensor token = draw.pick(at, logits, step); // [B]
        return x.flatten().index_copy(0, at, token).view_as(x);
    }

    /**
     * The network with a cache: of 2B grids with {@link Guidance}, the second half without the class, or with that to avoid; of B
     * with {@link Autoguidance}, beside the cache of the guiding network.
     */
    private final class Cached {
        private final GridDraw draw;
        private final KeyValueCache cache;
        private final CausalNetwork guiding; // null without
        private final KeyValueCache beside;
        private final boolean halves;

        Cached(GridDraw draw) {
            boolean guided = draw.sampling().guidance().weight() > 0;
            this.draw = draw;
            this.guiding = guided && draw.guiding() != null ? causal(draw.guiding()) : null;
            this.beside = guiding == null ? null : guiding.cache(draw.grids());
            this.halves = guided && guiding == null;
            this.cache = network.cache(halves ? 2 * draw.grids() : draw.grids());
        }

        private static CausalNetwork causal(Denoiser guiding) {
            if (guiding instanceof Causal causal) {
                return causal.network();
            }
            throw new UnsupportedSamplingException(
                    "an autoregressive model can be guided away from another such alone, whose tokens it caches too");
        }

        /** @param previous int64 [B]; null before the first token. -> [B, K] */
        Tensor logits(Tensor previous, Step step) {
            Tensor label = draw.labels();
            double weight = draw.sampling().weight(step.number(), step.of());
            if (guiding != null) {
                Tensor other = guiding.next(previous, label, beside);
                return Guidance.mix(network.next(previous, label, cache), other, weight);
            }
            if (!halves) {
                return network.next(previous, label, cache);
            }
            Tensor none =
                    torch.full_like(label, new Scalar(draw.sampling().guidance().against(core.classes())));
            Tensor both = network.next(
                    previous == null ? null : Tensors.cat(0, previous, previous), Tensors.cat(0, label, none), cache);
            long grids = label.size(0);
            return Guidance.mix(both.narrow(0, 0, grids), both.narrow(0, grids, grids), weight);
        }
    }

    /** The likelihood itself: one forward pass, nothing drawn. */
    @Override
    public Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return core.negativeLogLikelihood(batch, () -> entropy(batch.codes(), batch.labels()));
    }

    @Override
    public boolean exact() {
        return true;
    }
}
