package dev.smalti.prior.maskgit;

import java.util.Locale;

/**
 * The share γ(r) of tokens that are masked: 1 at r = 0, falling to 0 at r = 1. Chang et al. 2022, arXiv:2202.04200, section
 * 3.3, whose square root is {@code root} here and whose logarithmic and exponential are {@code log} and {@code exp}, as in their
 * code; arccos as in the code of Besnier et al. 2025, arXiv:2503.17076.
 */
public enum MaskSchedule {
    /** cos(πr/2) */
    COSINE,
    /** (2/π) arccos r */
    ARCCOS,
    /** 1 - r */
    LINEAR,
    /** 1 - r² */
    SQUARE,
    /**
     * (1 - r)²: what the first code of Besnier and Chen 2023, arXiv:2310.14400, trains by under the name of {@code square}, where the
     * share that is masked is the square of a uniform number. It reveals fast at first, where the paper's reveals slowly.
     */
    RELEASED_SQUARE,
    /** 1 - r³ */
    CUBIC,
    /** 1 - √r */
    ROOT,
    /** 1 - r^exponent */
    POWER,
    /** -log₂ r / log₂ L */
    LOG,
    /** 1 - L^(r - 1) */
    EXP;

    private static final double LEAST = 1e-6;

    /**
     * γ(r), in [1e-6, 1] as the released code clips it.
     *
     * @param r in [0, 1]
     * @param exponent of {@link #POWER}; null for the others
     * @param length L, which two of them depend on
     */
    public double share(double r, Double exponent, long length) {
        double share =
                switch (this) {
                    case COSINE -> Math.cos(Math.PI / 2 * r);
                    case ARCCOS -> Math.acos(r) * 2 / Math.PI;
                    case LINEAR -> 1 - r;
                    case SQUARE -> 1 - r * r;
                    case RELEASED_SQUARE -> (1 - r) * (1 - r);
                    case CUBIC -> 1 - r * r * r;
                    case ROOT -> 1 - Math.sqrt(r);
                    case POWER -> 1 - Math.pow(r, exponent);
                    case LOG -> -Math.log(r) / Math.log(Math.max(2, length));
                    case EXP -> 1 - Math.pow(length, r - 1);
                };
        return Math.min(1, Math.max(LEAST, share));
    }

    /**
     * Returns {@code exponent} if this schedule takes it.
     *
     * @throws IllegalArgumentException if it is missing, out of range, or given to a schedule that has none
     */
    Double exponent(Double exponent) {
        if (this != POWER && exponent != null) {
            throw new IllegalArgumentException("exponent belongs to the schedule power and must be left out for "
                    + name().toLowerCase(Locale.ROOT) + ", got " + exponent);
        }
        if (this == POWER && (exponent == null || !(exponent > 0) || exponent.isInfinite())) {
            throw new IllegalArgumentException("exponent of the schedule power must be above 0, got " + exponent);
        }
        return exponent;
    }
}
