package dev.smalti.draw;

import java.util.Locale;

/**
 * Which of the masked places a step reveals.
 *
 * @param reveal how many
 * @param order which of them first
 * @param noise c of {@link Order#CONFIDENCE} and {@link Order#MOMENT} at the first step, falling to 0 in equal parts; at least 0; null for
 *     the usual
 * @param bound γ: a step reveals as many places, in their order, as have a sum of entropies that is at most γ nats above the
 *     greatest of them, and one at least; so the number of steps is the grid's own. 0 for none. Ben-Hamu et al. 2025,
 *     arXiv:2505.24857
 */
public record Unmasking(Reveal reveal, Order order, Double noise, double bound) {
    /** As the method does it. */
    public static final Unmasking USUAL = new Unmasking(Reveal.USUAL, Order.USUAL, null, 0);

    /** How many places a step reveals. */
    public enum Reveal {
        /** As the method does it. */
        USUAL,
        /** Each with the probability of the step, by itself: their number varies. */
        COINS,
        /**
         * As many as are expected, rounded: at equal steps fewer pairs of places are drawn without knowing of each other.
         * Zheng et al. 2024, arXiv:2409.02908, section 4.
         */
        COUNTS
    }

    /** @throws IllegalArgumentException naming what is out of range, or belongs to another order */
    public Unmasking {
        if (noise != null && (!(noise >= 0) || Double.isInfinite(noise))) {
            throw new IllegalArgumentException("the noise of the order must be at least 0, got " + noise);
        }
        if (!(bound >= 0) || Double.isInfinite(bound)) {
            throw new IllegalArgumentException("the entropy bound must be at least 0 (0 for none), got " + bound);
        }
        if (reveal == Reveal.COINS && order != Order.USUAL) {
            throw new IllegalArgumentException("coins reveal places at random, and an order by "
                    + order.name().toLowerCase(Locale.ROOT)
                    + " needs counts: leave the coins out");
        }
        if (bound > 0 && (order == Order.CONFIDENCE || order == Order.MOMENT)) {
            throw new IllegalArgumentException(
                    "an entropy bound needs an order that codes and noise have no part in, and "
                            + order.name().toLowerCase(Locale.ROOT)
                            + " is none: take entropy, margin, random, halton or raster");
        }
        if (reveal != Reveal.USUAL && bound > 0) {
            throw new IllegalArgumentException("an entropy bound says how many places are revealed, and so do "
                    + reveal.name().toLowerCase(Locale.ROOT) + ": leave one of them out");
        }
    }

    /** In another order. */
    public Unmasking order(Order order) {
        return new Unmasking(reveal, order, noise, bound);
    }

    /** With another number of places a step. */
    public Unmasking reveal(Reveal reveal) {
        return new Unmasking(reveal, order, noise, bound);
    }

    /** With another noise of the order. */
    public Unmasking noise(Double noise) {
        return new Unmasking(reveal, order, noise, bound);
    }

    /** With another entropy bound. */
    public Unmasking bound(double bound) {
        return new Unmasking(reveal, order, noise, bound);
    }
}
