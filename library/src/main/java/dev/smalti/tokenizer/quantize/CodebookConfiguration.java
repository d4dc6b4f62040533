package dev.smalti.tokenizer.quantize;

/**
 * A codebook and how it learns, in the words of a recipe; {@link #learning} is the choice that they make.
 *
 * @param codes K, the number of codes; 2..16777216
 * @param dimension D, the length of a code vector; at least 1
 * @param update how codes follow the vectors that choose them; {@code gradient} if left out
 * @param commitment weight β of the commitment term; at least 0; 0.25 if left out
 * @param legacy whether β is put on the codebook's term instead of the encoder's, as the released taming and unleashing
 *     models were trained, with {@code gradient} only; false if left out
 * @param decay how slowly the moving averages change, with {@code moving_average} only; (0, 1); 0.99 if left out
 * @param reviveBelow a code whose average use falls below this share of the mean use is moved onto a vector of the batch, 0
 *     for never, with {@code moving_average} only; [0, 1); 0.05 with {@code moving_average} and 0 with {@code gradient} if
 *     left out
 */
public record CodebookConfiguration(
        int codes, int dimension, Update update, Double commitment, Boolean legacy, Double decay, Double reviveBelow) {
    private static final double DECAY = 0.99;
    private static final double REVIVE_BELOW = 0.05;

    /** How codes follow the vectors that choose them. */
    public enum Update {
        /** By the gradient of a loss. */
        GRADIENT,
        /** As the moving average of the vectors that chose the code. */
        MOVING_AVERAGE
    }

    public CodebookConfiguration {
        update = update == null ? Update.GRADIENT : update;
        commitment = commitment == null ? 0.25 : commitment;
        legacy = legacy != null && legacy;
        decay = decay == null ? DECAY : decay;
        reviveBelow = reviveBelow == null ? (update == Update.MOVING_AVERAGE ? REVIVE_BELOW : 0.0) : reviveBelow;
        if (codes < 2 || codes > 1 << 24) {
            throw new IllegalArgumentException("codes must be in 2..16777216, got " + codes);
        }
        if (dimension < 1) {
            throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
        }
        if (!(commitment >= 0)) {
            throw new IllegalArgumentException("commitment must be at least 0, got " + commitment);
        }
        if (!(decay > 0 && decay < 1)) {
            throw new IllegalArgumentException("decay must be in (0, 1), got " + decay);
        }
        if (!(reviveBelow >= 0 && reviveBelow < 1)) {
            throw new IllegalArgumentException("revive_below must be in [0, 1), got " + reviveBelow);
        }
        if (reviveBelow > 0 && update == Update.GRADIENT) {
            throw new IllegalArgumentException("revive_below needs update: moving_average");
        }
        if (legacy && update == Update.MOVING_AVERAGE) {
            throw new IllegalArgumentException("legacy needs update: gradient");
        }
    }

    /** How codes learn, with what belongs to that way and to no other. */
    public sealed interface Learning {}

    /**
     * By the gradient of the codebook's term of the loss.
     *
     * @param legacy puts beta on that term instead of the encoder's
     */
    public record Gradient(boolean legacy) implements Learning {}

    /**
     * As the moving average of the vectors that chose a code.
     *
     * @param decay (0, 1)
     * @param reviveBelow share of the mean use, [0, 1); 0 for never
     */
    public record MovingAverage(double decay, double reviveBelow) implements Learning {
        public static final MovingAverage USUAL = new MovingAverage(DECAY, REVIVE_BELOW);
    }

    /** For those who write no recipe: nothing can be said here that contradicts itself. @param commitment null for the usual */
    public CodebookConfiguration(int codes, int dimension, Double commitment, Learning learning) {
        this(
                codes,
                dimension,
                learning instanceof Gradient ? Update.GRADIENT : Update.MOVING_AVERAGE,
                commitment,
                learning instanceof Gradient gradient ? gradient.legacy() : null,
                learning instanceof MovingAverage average ? average.decay() : null,
                learning instanceof MovingAverage average ? average.reviveBelow() : null);
    }

    /** What {@code update} and its flags say together. */
    public Learning learning() {
        return switch (update) {
            case GRADIENT -> new Gradient(legacy);
            case MOVING_AVERAGE -> new MovingAverage(decay, reviveBelow);
        };
    }
}
