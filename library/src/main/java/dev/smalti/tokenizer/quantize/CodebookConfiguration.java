package dev.smalti.tokenizer.quantize;

import dev.smalti.network.Parameters;
import java.util.Locale;

/**
 * A codebook and how it learns, in the words of a recipe; {@link #learning} is the choice that they make.
 *
 * @param codes K, the number of codes; 2..16777216
 * @param dimension D, the length of a code vector; at least 1
 * @param update how codes follow the vectors that choose them; {@code gradient} if left out
 * @param commitment weight β of the commitment term, which {@code choice: projection} has not; at least 0; 0.25 if left out
 * @param legacy whether β is put on the codebook's term instead of the encoder's, as the released taming and unleashing
 *     models were trained, with {@code gradient} only; false if left out
 * @param decay how slowly the moving averages change, with {@code moving_average} only; (0, 1); 0.99 if left out
 * @param reviveBelow a code whose average use falls below this share of the mean use is moved onto a vector of the batch, 0
 *     for never, with {@code moving_average} only; [0, 1); 0.05 with {@code moving_average} and 0 with {@code gradient} if
 *     left out
 * @param choice how a vector of the map chooses its code; {@code nearest} if left out
 * @param entropy weight of a term that makes each choice sure and all of them even, -I(z; k) of softmax(-|z - e_k|²/0.01), as MaskGIT
 *     and LlamaGen, not with {@code projection}; at least 0; 0 if left out
 * @param kl weight of the divergence of the choice from an even one, with {@code projection} only; at least 0; 0.0005 with
 *     {@code projection} and 0 otherwise if left out
 */
public record CodebookConfiguration(
        int codes,
        int dimension,
        Update update,
        Double commitment,
        Boolean legacy,
        Double decay,
        Double reviveBelow,
        Choice choice,
        Double entropy,
        Double kl) {
    private static final double COMMITMENT = 0.25;
    private static final double DECAY = 0.99;
    private static final double REVIVE_BELOW = 0.05;
    private static final double KL = 5e-4; // of taming's GumbelQuantize

    /** How codes follow the vectors that choose them. */
    public enum Update {
        /** By the gradient of a loss. */
        GRADIENT,
        /** As the moving average of the vectors that chose the code. */
        MOVING_AVERAGE
    }

    /** How a vector of the map chooses its code. */
    public enum Choice {
        /** The code that is nearest to it. */
        NEAREST,
        /** The code of the nearest direction: vectors and codes have length 1 wherever they are used, as LlamaGen's. */
        COSINE,
        /**
         * The largest of K numbers that a 1×1 convolution makes of it; in training with Gumbel noise of temperature 1, and the gradient
         * of the softmax. Jang et al. 2017, arXiv:1611.01144, as taming's {@code GumbelVQ}.
         */
        PROJECTION
    }

    public CodebookConfiguration {
        update = update == null ? Update.GRADIENT : update;
        choice = choice == null ? Choice.NEAREST : choice;
        if (choice == Choice.PROJECTION && commitment != null && commitment != COMMITMENT) {
            throw new IllegalArgumentException(
                    "commitment is for choice: nearest and cosine, got " + commitment + ": leave it out");
        }
        commitment = commitment == null ? COMMITMENT : commitment;
        legacy = legacy != null && legacy;
        decay = decay == null ? DECAY : decay;
        reviveBelow = reviveBelow == null ? (update == Update.MOVING_AVERAGE ? REVIVE_BELOW : 0.0) : reviveBelow;
        if (codes < 2 || codes > 1 << 24) {
            throw new IllegalArgumentException("codes must be in 2..16777216, got " + codes);
        }
        if (dimension < 1) {
            throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
        }
        if (!(commitment >= 0) || Double.isInfinite(commitment)) {
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
        entropy = entropy == null ? 0.0 : entropy;
        kl = kl == null ? (choice == Choice.PROJECTION ? KL : 0.0) : kl;
        if (!(entropy >= 0) || Double.isInfinite(entropy)) {
            throw new IllegalArgumentException("entropy must be at least 0, got " + entropy);
        }
        if (!(kl >= 0) || Double.isInfinite(kl)) {
            throw new IllegalArgumentException("kl must be at least 0, got " + kl);
        }
        if (choice != Choice.NEAREST && update == Update.MOVING_AVERAGE) {
            throw new IllegalArgumentException(
                    "choice: " + choice.name().toLowerCase(Locale.ROOT) + " needs update: gradient");
        }
        if (choice == Choice.PROJECTION && (legacy || entropy > 0)) {
            throw new IllegalArgumentException("legacy and entropy are for choice: nearest and cosine: leave them out");
        }
        if (choice != Choice.PROJECTION && kl > 0) {
            throw new IllegalArgumentException("kl needs choice: projection");
        }
    }

    /** Chosen by distance, without further terms. */
    public CodebookConfiguration(
            int codes,
            int dimension,
            Update update,
            Double commitment,
            Boolean legacy,
            Double decay,
            Double reviveBelow) {
        this(codes, dimension, update, commitment, legacy, decay, reviveBelow, null, null, null);
    }

    /** By the gradient of a loss in which β is on the encoder's term. */
    public CodebookConfiguration(int codes, int dimension, Choice choice, Double entropy) {
        this(codes, dimension, Update.GRADIENT, null, false, null, null, choice, entropy, null);
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

    /** Whether a code is chosen by distance, and nothing but the distance and the commitment is in the loss. */
    public boolean plain() {
        return choice == Choice.NEAREST && entropy == 0;
    }

    /** The quantizer that this describes, whose tensors it registers. */
    public Quantizer build(Parameters parameters) {
        return choice == Choice.PROJECTION
                ? new ProjectedQuantizer(parameters, this)
                : new VectorQuantizer(parameters, this);
    }
}
