package dev.smalti.prior.process;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Steps;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.network.Denoiser;
import dev.smalti.prior.process.GridDraw.Step;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Locale;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The way from masks to codes, whatever the method whose network guesses what is masked: each step chooses places by {@link
 * Unmasking}, and draws their codes of the guess or of its {@link Extrapolation}.
 *
 * <p>Letters: B grids, L places, M masked ones, K codes.
 */
public final class MaskedWalk {
    private static final double NOISE = 4.5; // as Besnier and Chen 2023
    private static final double LOOPED = 0.1; // masked in the loop, as in the released code of Wang et al.

    private final GridDraw draw;
    private final Denoiser network;
    private final boolean scores;
    private final MaskedShares masking;
    private final Unmasking unmasking;
    private final boolean roll;
    private final TokenSpace space;
    private double last; // the time before the first step
    private boolean remasks;
    private Tensor told; // by the number of masked places, float32 [L + 1]; null without bound
    private Tensor rank; // of each place in an order that stands before the draw, int64 [B, L]

    /**
     * @param network logits of the codes; those of masked places are all that is asked for
     * @param scores whether these are logarithms of ratios, which windows take the mean of
     * @param masking of the method's times
     * @param unmasking what is wished, with what is usual filled in
     * @param roll whether each grid begins the order of Halton at a place of its own
     */
    public MaskedWalk(
            GridDraw draw, Denoiser network, boolean scores, MaskedShares masking, Unmasking unmasking, boolean roll) {
        this.draw = draw;
        this.network = network;
        this.scores = scores;
        this.masking = masking;
        this.unmasking = unmasking;
        this.roll = roll;
        this.space = draw.space();
    }

    /**
     * What is wished, with what is usual filled in: an order needs counts, and an entropy bound an order, that of entropy where
     * there is none.
     *
     * @param order where none is wished
     */
    public static Unmasking filled(Unmasking wished, Reveal usual, Order order) {
        boolean any = wished.order() == Order.USUAL;
        Order by = !any ? wished.order() : wished.bound() > 0 ? Order.ENTROPY : order;
        boolean noisy = by == Order.CONFIDENCE || by == Order.MOMENT;
        if (wished.noise() != null && !noisy) {
            throw new UnsupportedSamplingException(
                    "the order noise is of the orders confidence and moment, and this is "
                            + by.name().toLowerCase(Locale.ROOT) + ": leave it out, or take one of them");
        }
        Reveal reveal =
                wished.reveal() != Reveal.USUAL || wished.bound() > 0 ? wished.reveal() : any ? usual : Reveal.COUNTS;
        return new Unmasking(reveal, reveal == Reveal.COINS ? Order.USUAL : by, wished.noise(), wished.bound());
    }

    /**
     * The grids that are drawn.
     *
     * @param times before the first step and after each, descending to 0; a step that reveals nothing costs no call, unless it
     *     guesses all masked places
     * @return int64 [B, h, w], on the CPU
     */
    public Tensor run(double[] times) {
        Corrector corrector = draw.sampling().corrector();
        Extrapolation extrapolation = draw.sampling().extrapolation();
        boolean plain = extrapolation.equals(Extrapolation.NONE) && corrector.equals(Corrector.NONE);
        last = times[0];
        if (unmasking.bound() > 0) {
            checkBound();
        }
        if (looping(corrector) && times.length < 4) {
            throw new UnsupportedSamplingException(
                    "remask-loop needs three steps at least, before the loop, in it and after it: got "
                            + (times.length - 1));
        }
        remasks = corrector instanceof Corrector.Psi || corrector instanceof Corrector.Remask;
        Unmasking wished = draw.sampling().unmasking();
        if (remasks && !wished.equals(Unmasking.USUAL) && !wished.equals(Unmasking.USUAL.reveal(Reveal.COINS))) {
            throw new UnsupportedSamplingException("psi and remask mask and reveal each token by itself:"
                    + " leave out order, counts, order noise and entropy bound, or take the corrector gibbs");
        }
        if (unmasking.reveal() == Reveal.COINS && plain && !scores && draw.alike(times.length - 1)) {
            return draw.inTurns(times, network, step -> hazard(step.t(), step.s()), step -> masking.told(step.t()));
        }
        double[] all = unmasking.bound() > 0 ? evenly() : extrapolation.times(looped(corrector, times));
        draw.sweep(this::refilled);
        return draw.walk(
                all,
                network,
                scores,
                () -> {
                    rank = byGuess() || unmasking.reveal() == Reveal.COINS ? null : rank(draw, unmasking.order(), roll);
                    told = unmasking.bound() > 0 ? told() : null;
                    return draw.masks();
                },
                this::step);
    }

    private static boolean looping(Corrector corrector) {
        return corrector instanceof Corrector.Remask remask && remask.kind() == Corrector.Remask.Kind.LOOP;
    }

    /** With an entropy bound a step is none of a schedule: each grid has as many as it needs. */
    private void checkBound() {
        Sampling sampling = draw.sampling();
        int most = Math.toIntExact(draw.unknown());
        boolean constant = IntStream.rangeClosed(2, most)
                .allMatch(number -> sampling.weight(number, most) == sampling.weight(1, most)
                        && sampling.filter(number, most).equals(sampling.filter(1, most)));
        String wrong = sampling.steps() instanceof Steps.Equal || sampling.steps() instanceof Steps.Listed
                ? "steps"
                : sampling.extrapolation() instanceof Extrapolation.Trapezoidal
                        ? "trapezoidal steps"
                        : sampling.corrector() instanceof Corrector.Gibbs gibbs && gibbs.when() == When.BETWEEN
                                ? "a corrector between steps"
                                : constant ? null : "guidance and temperatures that change over the steps";
        if (wrong != null) {
            throw new UnsupportedSamplingException(
                    "an entropy bound says itself how many steps a grid takes, so leave out " + wrong
                            + ", or the bound");
        }
    }

    /** Times at which one masked place after the other is revealed. */
    private double[] evenly() {
        int unknown = Math.toIntExact(draw.unknown());
        double[] times = new double[unknown + 1];
        for (int i = 0; i <= unknown; i++) {
            times[i] = masking.time((double) (unknown - i) / space.length(), 0, last);
        }
        times[unknown] = 0;
        return times;
    }

    private Tensor told() {
        float[] all = new float[Math.toIntExact(space.length() + 1)];
        for (int count = 0; count <= draw.unknown(); count++) {
            all[count] = (float) masking.told(masking.time((double) count / space.length(), 0, last));
        }
        return Devices.send(Tensors.floats(all), draw.device(), ScalarType.Float);
    }

    /** The probability that what is masked at t is revealed by s. */
    private double hazard(double t, double s) {
        return s == 0 ? 1 : 1 - masking.share(s) / masking.share(t);
    }

    /** How many places are masked at a time. */
    private long masks(double time) {
        return time == 0 ? 0 : Math.min(draw.unknown(), Math.round(masking.share(time) * space.length()));
    }

    private Tensor step(Tensor xt, Step step) {
        Tensor masked = xt.eq(new Scalar(space.mask())); // [B, L]
        if (remasks) {
            return remasked(xt, masked, step);
        }
        if (unmasking.bound() > 0 || byGuess() && !step.last()) {
            return chosen(xt, masked, step);
        }
        return fill(xt, masked, revealed(masked, step), step);
    }

    /** The masked places that are revealed, but for orders by guesses. bool [B, L] -> bool [B, L] */
    Tensor revealed(Tensor masked, Step step) {
        if (unmasking.reveal() == Reveal.COINS) {
            return draw.coins(masked, hazard(step.t(), step.s()), step);
        }
        return step.last() || byGuess() ? masked : due(masked, step);
    }

    private Tensor fill(Tensor xt, Tensor masked, Tensor revealed, Step step) {
        Guesses guesses = new Guesses(draw, step);
        return draw.fill(
                xt,
                guesses.plain() ? revealed : masked,
                revealed,
                step,
                at -> guesses.of(at, logits(at, xt, masked, step)),
                null,
                guesses::keep);
    }

    private boolean byGuess() {
        return unmasking.order().chosen();
    }

    /** The masked places that come first in the order, so that as many are left as the step says. bool [B, L] */
    private Tensor due(Tensor masked, Step step) {
        Tensor rank = this.rank == null ? rank(draw, unmasking.order(), roll) : this.rank;
        return masked.logical_and(rank.lt(new Scalar(draw.unknown() - masks(step.s()))));
    }

    // Guesses

    private Tensor logits(ActivePositions at, Tensor xt, Tensor masked, Step step) {
        return ofCodes(
                told == null
                        ? draw.logits(at, xt, masking.told(step.t()), step)
                        : draw.logits(at, xt, told.index_select(0, count(masked)), step));
    }

    /** Without what a network of ratios says of the mask. [M, K] or [M, K + 1] -> [M, K] */
    private Tensor ofCodes(Tensor logits) {
        return logits.size(1) == space.codes() ? logits : logits.narrow(1, 0, space.codes());
    }

    // Corrections

    /** Some revealed places are masked again and revealed anew. [B, L] -> [B, L] */
    private Tensor refilled(Tensor x, Step sweep) {
        Tensor mask = x.eq(new Scalar(space.mask()));
        Tensor some = draw.some(draw.open().logical_and(mask.logical_not()), sweep);
        int places = ((Corrector.Gibbs) draw.sampling().corrector()).places();
        double share = (sweep.s() == 0 ? 0 : masking.share(sweep.s())) + (double) places / space.length();
        double time = masking.time(Math.min(share, masking.share(last)), 0, last);
        Tensor lost = x.masked_fill(some, new Scalar(space.mask()));
        return draw.fill(
                lost,
                some,
                some,
                sweep,
                at -> ofCodes(draw.logits(at, lost, masking.told(time), sweep)),
                null,
                () -> {});
    }

    /**
     * Revealed tokens are masked with probability σ, and masked ones revealed with what makes up for it. Wang et al. 2025,
     * eq. 5 and 6; arXiv:2602.21185 has σ = (1 - κ)(1 - α_s).
     */
    private Tensor remasked(Tensor xt, Tensor masked, Step step) {
        double open = masking.share(last); // known tokens are never masked, so shares are of the others
        double before = masking.share(step.t()) / open;
        double after = step.s() == 0 ? 0 : masking.share(step.s()) / open;
        double sigma = sigma(before, after);
        double p = step.last() ? 1 : Math.min(1, (before - after + sigma * (1 - before)) / before);
        Tensor lost = draw.coins(Use.REMASKED, draw.open().logical_and(masked.logical_not()), sigma, step);
        return fill(xt, masked, draw.coins(masked, p, step), step).masked_fill(lost, new Scalar(space.mask()));
    }

    private double sigma(double before, double after) {
        double most = before == 1 ? 1 : Math.min(1, after / (1 - before));
        if (draw.sampling().corrector() instanceof Corrector.Psi psi) {
            return Math.min(most, (1 - psi.kappa()) * after);
        }
        Corrector.Remask remask = (Corrector.Remask) draw.sampling().corrector();
        return switch (remask.kind()) {
            case CAP -> Math.min(remask.eta(), most);
            case RESCALE -> remask.eta() * most;
            case LOOP -> Math.abs(before - after) < 1e-9 ? Math.min(remask.eta(), most) : 0;
        };
    }

    /** The times of {@link Corrector.Remask.Kind#LOOP}: to a tenth that is masked, as many steps there, and on. */
    private double[] looped(Corrector corrector, double[] times) {
        int steps = times.length - 1;
        if (!looping(corrector)) {
            return times;
        }
        int first = (int) Math.max(1, Math.round(0.45 * steps));
        int end = (int) Math.max(1, Math.round(0.05 * steps));
        double[] all = new double[steps + 1];
        double whole = masking.share(last);
        for (int i = 0; i <= steps; i++) {
            double share = i < first
                    ? whole * (1 + (LOOPED - 1) * i / first)
                    : whole * LOOPED * (i <= steps - end ? 1 : (double) (steps - i) / end);
            all[i] = i == 0 ? last : i == steps ? 0 : masking.time(share, 0, last);
        }
        return all;
    }

    // Places that are chosen by guesses

    /** All masked places are drawn, and those that aren't first in the order are masked again. [B, L] -> [B, L] */
    private Tensor chosen(Tensor xt, Tensor masked, Step step) {
        ActivePositions at = ActivePositions.of(masked).orElse(null);
        if (at == null) {
            return xt;
        }
        double scale = unmasking.noise() == null ? NOISE : unmasking.noise();
        double noise = scale * (1 - (double) step.number() / step.of());
        Guesses guesses = new Guesses(draw, step);
        Tensor exponential = unmasking.order() == Order.CONFIDENCE && noise > 0
                ? draw.exponential(Use.ORDER, step).flatten() // [B·L]
                : null;
        Tensor all = draw.inParts(at, part -> {
            Tensor guess = guesses.of(part, logits(part, xt, masked, step)); // [m, K]
            Tensor drawn = draw.pick(part.at(), guess, step); // [m]
            Tensor key = unmasking.order() == Order.CONFIDENCE
                    ? Confidence.of(
                            guess, drawn, exponential == null ? null : exponential.index_select(0, part.at()), noise)
                    : key(part, guess, noise);
            TensorVector columns = new TensorVector(drawn.to(ScalarType.Double), key); // codes are whole in float64
            if (unmasking.bound() > 0) {
                columns.push_back(entropy(guess));
            }
            return torch.stack(columns, 1);
        }); // [M, 2] or [M, 3]
        guesses.keep();
        Tensor filled = at.write(xt, all.select(1, 0).to(ScalarType.Long));
        Tensor keys = at.write(never(xt), all.select(1, 1)); // [B, L]
        Tensor counts = unmasking.bound() > 0
                ? bounded(keys, at.write(never(xt), all.select(1, 2)))
                : count(masked).sub(new Scalar(masks(step.s()))).clamp_min(new Scalar(0L));
        Tensor revealed = unmasking.order() == Order.MOMENT && noise > 0
                ? draw.first(keys, counts, step)
                : RandomStreams.greatest(keys, counts);
        return torch.where(revealed, filled, xt);
    }

    /** The greater, the earlier a place is revealed. [M, K] -> float64 [M] */
    private Tensor key(ActivePositions at, Tensor guess, double noise) {
        return switch (unmasking.order()) {
            case ENTROPY -> entropy(guess).neg();
            case MARGIN -> {
                Tensor best = torch.softmax(guess.to(ScalarType.Double), 1)
                        .topk(Math.min(2, guess.size(1)), 1, true, true)
                        .get0()
                        .clone();
                yield best.select(1, 0).sub(best.select(1, best.size(1) - 1));
            }
            case MOMENT -> {
                Tensor log = torch.log_softmax(guess.to(ScalarType.Double), 1);
                yield noise == 0
                        ? log.amax(new long[] {1}, false)
                        : log.mul(new Scalar(1 + 1 / noise)).logsumexp(1);
            }
            default -> rank.flatten().index_select(0, at.at()).neg().to(ScalarType.Double);
        };
    }

    /** In nats. [M, K] -> float64 [M] */
    private static Tensor entropy(Tensor guess) {
        return torch.special_entr(torch.softmax(guess.to(ScalarType.Double), 1)).sum(1);
    }

    /** The most that are first by their keys, with a sum of entropies that is at most γ above the greatest. -> int64 [B] */
    private Tensor bounded(Tensor keys, Tensor entropies) {
        Tensor sorted = entropies.gather(1, keys.argsort(1, true)); // of places that are known -∞
        Tensor beyond = sorted.cumsum(1).sub(torch.cummax(sorted, 1).get0());
        return beyond.le(new Scalar(unmasking.bound() + 1e-9))
                .logical_and(sorted.ge(new Scalar(0.0)))
                .sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long));
    }

    private static Tensor never(Tensor xt) {
        return torch.full(
                new long[] {xt.size(0), xt.size(1)},
                new Scalar(Double.NEGATIVE_INFINITY),
                Tensors.options(ScalarType.Double, xt.device()));
    }

    private static Tensor count(Tensor masked) {
        return masked.sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long));
    }

    // Orders that stand before the draw

    /** The number of each place in its grid's order; known ones come last. int64 [B, L] */
    static Tensor rank(GridDraw draw, Order order, boolean roll) {
        TokenSpace space = draw.space();
        TensorOptions whole = Tensors.options(ScalarType.Long, draw.device());
        Tensor all =
                switch (order) {
                    case RASTER ->
                        torch.arange(new Scalar(space.length()), whole).expand(draw.grids(), space.length());
                    case HALTON -> {
                        Tensor halton = Tensors.longs(Halton.order(space.height(), space.width()))
                                .to(draw.device(), ScalarType.Long)
                                .argsort()
                                .expand(draw.grids(), space.length());
                        yield roll ? rolled(halton, draw.below(Use.ORDER, space.length())) : halton;
                    }
                    default -> draw.permutation(Use.ORDER);
                };
        if (!draw.partial()) {
            return all;
        }
        Tensor late = all.add(new Scalar(space.length()));
        return torch.where(draw.open(), all, late).argsort(1, false).argsort(1, false);
    }

    /** Each grid's order moved on cyclically by so many places. [B, L], [B, 1] -> [B, L] */
    private static Tensor rolled(Tensor rank, Tensor places) {
        return rank.add(places).remainder(new Scalar(rank.size(1)));
    }
}
