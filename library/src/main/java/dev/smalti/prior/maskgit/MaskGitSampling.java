package dev.smalti.prior.maskgit;

import dev.smalti.draw.Unmasking;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.prior.process.MaskedWalk;
import java.util.Locale;

/**
 * How a {@link MaskGit} draws grids.
 *
 * @param steps S, the usual number of steps, at most that of tokens; at least 1; 8 by confidence and 32 otherwise, or as
 *     many as there are tokens, if left out
 * @param schedule how the share that is still masked falls from step to step; {@code cosine} by confidence and
 *     {@code arccos} otherwise if left out
 * @param exponent exponent of the schedule {@code power}, which needs one, the others have none; above 0; none if left out
 * @param order which of the tokens that are still masked are revealed first; {@code confidence} if left out
 * @param noise c, the Gumbel noise on the log-confidence at the first step, by confidence only; at least 0; 4.5 if left out
 * @param roll whether each grid begins the order of Halton at a place of its own, by {@code halton} only; true by
 *     {@code halton} if left out
 */
public record MaskGitSampling(
        Integer steps, MaskSchedule schedule, Double exponent, Order order, Double noise, Boolean roll) {
    /** By confidence, as the paper. */
    public static final MaskGitSampling USUAL = new MaskGitSampling(null, null, null, null, null, null);

    /** Which of the tokens that are still masked are revealed first. */
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

    /** What is wished, with what the recipe says filled in. */
    Unmasking unmasking(Unmasking wished) {
        Unmasking filled =
                MaskedWalk.filled(wished, Unmasking.Reveal.COUNTS, dev.smalti.draw.Order.valueOf(order.name()));
        boolean own = filled.order() == dev.smalti.draw.Order.CONFIDENCE && filled.noise() == null;
        return own ? filled.noise(noise) : filled;
    }
}
