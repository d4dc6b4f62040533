package dev.smalti.tokenizer.quantize;

/**
 * A codebook and how it learns.
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
        decay = decay == null ? 0.99 : decay;
        reviveBelow = reviveBelow == null ? (update == Update.MOVING_AVERAGE ? 0.05 : 0.0) : reviveBelow;
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

    public static CodebookConfiguration gradient(int codes, int dimension, boolean legacy) {
        return new CodebookConfiguration(codes, dimension, Update.GRADIENT, null, legacy, null, null);
    }

    public static CodebookConfiguration movingAverage(int codes, int dimension) {
        return new CodebookConfiguration(codes, dimension, Update.MOVING_AVERAGE, null, null, null, null);
    }
}
