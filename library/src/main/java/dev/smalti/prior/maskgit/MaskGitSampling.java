package dev.smalti.prior.maskgit;

import dev.smalti.draw.RandomStreams.Use;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.Locale;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How a {@link MaskGit} draws grids, in the words of a recipe; {@link #revealing} is the choice that they make.
 *
 * @param steps S, at least 1; if left out 8 by confidence and 32 otherwise, or as many as there are tokens
 * @param schedule of the share that is still masked after a step; if left out {@code cosine} by confidence and
 *     {@code arccos} otherwise
 * @param exponent of the schedule {@code power}, above 0
 * @param order {@code confidence} if left out
 * @param noise c, the Gumbel noise on the log-confidence at the first step, at least 0; 4.5 if left out. Only by confidence
 * @param roll whether each grid begins the order of Halton at a place of its own; true if left out. Only by halton
 */
public record MaskGitSampling(
        Integer steps, MaskSchedule schedule, Double exponent, Order order, Double noise, Boolean roll) {
    /** By confidence, as the paper. */
    public static final MaskGitSampling USUAL = new MaskGitSampling(null, null, null, null, null, null);

    /** Which of the tokens that are still masked are revealed first, with what belongs to that order and to no other. */
    public sealed interface Revealing {}

    /** {@link Order#CONFIDENCE}. @param noise c, at least 0 */
    public record ByConfidence(double noise) implements Revealing {}

    /** {@link Order#HALTON}. @param roll whether each grid begins at a place of its own */
    public record ByHalton(boolean roll) implements Revealing {}

    /** {@link Order#RANDOM}. */
    public record AtRandom() implements Revealing {}

    /** {@link Order#RASTER}. */
    public record ByRaster() implements Revealing {}

    /** For those who write no recipe: nothing can be said here that contradicts itself. With the usual steps and schedule. */
    public MaskGitSampling(Revealing revealing) {
        this(
                null,
                null,
                null,
                order(revealing),
                revealing instanceof ByConfidence confidence ? confidence.noise() : null,
                revealing instanceof ByHalton halton ? halton.roll() : null);
    }

    private static Order order(Revealing revealing) {
        if (revealing instanceof ByConfidence) {
            return Order.CONFIDENCE;
        }
        if (revealing instanceof ByHalton) {
            return Order.HALTON;
        }
        return revealing instanceof AtRandom ? Order.RANDOM : Order.RASTER;
    }

    /** What {@code order}, {@code noise} and {@code roll} say together. */
    public Revealing revealing() {
        return switch (order) {
            case CONFIDENCE -> new ByConfidence(noise);
            case HALTON -> new ByHalton(roll);
            case RANDOM -> new AtRandom();
            case RASTER -> new ByRaster();
        };
    }

    /** The same as an enumeration, for recipes. */
    public enum Order {
        /** Those that the model is most sure of. Chang et al. 2022, arXiv:2202.04200, section 3.2. */
        CONFIDENCE,
        /** Those that a sequence of Halton visits first, which are far apart. Besnier et al. 2025, arXiv:2503.17076. */
        HALTON,
        /** All orders alike, each grid in one of its own. */
        RANDOM,
        /** Row by row, each from the left: for larger canvases, where a window then has what lies above and before it. */
        RASTER
    }

    public MaskGitSampling {
        if (steps != null && steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        order = order == null ? Order.CONFIDENCE : order;
        String by = order.name().toLowerCase(Locale.ROOT);
        if (schedule == null) {
            schedule = order == Order.CONFIDENCE ? MaskSchedule.COSINE : MaskSchedule.ARCCOS;
        }
        exponent = schedule.exponent(exponent);
        if (order != Order.CONFIDENCE && noise != null) {
            throw new IllegalArgumentException(
                    "noise belongs to the order confidence and must be left out for " + by + ", got " + noise);
        }
        if (order != Order.HALTON && roll != null) {
            throw new IllegalArgumentException(
                    "roll belongs to the order halton and must be left out for " + by + ", got " + roll);
        }
        noise = order == Order.CONFIDENCE && noise == null ? Double.valueOf(4.5) : noise;
        if (noise != null && (!(noise >= 0) || noise.isInfinite())) {
            throw new IllegalArgumentException("noise must be at least 0, got " + noise);
        }
        roll = order == Order.HALTON && roll == null ? Boolean.TRUE : roll;
    }

    /**
     * The usual number of steps for a grid.
     *
     * @param length L
     * @throws IllegalArgumentException if it was configured and is above L
     */
    int steps(long length) {
        if (steps == null) {
            return (int) Math.min(length, order == Order.CONFIDENCE ? 8 : 32);
        }
        return check(steps, length);
    }

    /** Returns {@code steps} if a grid of {@code length} tokens can be drawn in so many. */
    static int check(int steps, long length) {
        if (steps > length) {
            throw new UnsupportedSamplingException("steps must be at most the " + length
                    + " tokens of a grid, since each step reveals one at least, got " + steps);
        }
        return steps;
    }

    /**
     * How many tokens are known after each step. Each step reveals at least one, so that as many steps as tokens reveal
     * one at a time, whatever the schedule.
     *
     * @return [S], ascending, the last is L
     */
    int[] known(int length, int steps) {
        int[] known = new int[steps];
        int before = 0;
        for (int s = 0; s < steps; s++) {
            double masked = length * schedule.share((s + 1.0) / steps, exponent, length);
            // the paper's code rounds the masked ones down, Halton's the known ones; both mean exact products exactly
            int count = order == Order.CONFIDENCE
                    ? length - (int) Math.floor(masked + 1e-9)
                    : (int) Math.floor(length - masked + 1e-9);
            int most = length - (steps - 1 - s);
            known[s] = s == steps - 1 ? length : Math.min(most, Math.max(before + 1, count));
            before = known[s];
        }
        return known;
    }

    /**
     * The place of each open position in the order of its grid; known ones come last.
     *
     * @return int64 [B, L]; null by confidence, where there is none before the draw
     */
    Tensor rank(GridDraw draw) {
        TokenSpace space = draw.space();
        TensorOptions whole = Tensors.options(ScalarType.Long, draw.device());
        Tensor rank =
                switch (order) {
                    case CONFIDENCE -> null;
                    case RASTER ->
                        torch.arange(new Scalar(space.length()), whole).expand(draw.grids(), space.length());
                    case RANDOM -> draw.uniform(Use.ORDER, space.length()).argsort(1, false);
                    case HALTON -> {
                        Tensor halton = Tensors.longs(Halton.order(space.height(), space.width()))
                                .to(draw.device(), ScalarType.Long)
                                .argsort()
                                .expand(draw.grids(), space.length());
                        yield roll ? rolled(halton, draw.uniform(Use.ORDER, 1)) : halton;
                    }
                };
        if (rank == null || !draw.partial()) {
            return rank;
        }
        Tensor late = rank.add(new Scalar(space.length()));
        return torch.where(draw.open(), rank, late).argsort(1, false).argsort(1, false);
    }

    /** Each grid's order moved on cyclically by a random number of places. [B, L], [B, 1] in [0, 1) -> [B, L] */
    private static Tensor rolled(Tensor rank, Tensor u) {
        Scalar length = new Scalar(rank.size(1));
        return rank.add(u.mul(length).floor().to(ScalarType.Long)).remainder(length);
    }
}
