package dev.smalti.draw;

/**
 * How the weight of guidance changes over the steps. Where most tokens are still masked guidance does harm, and late it helps
 * (Rojas et al. 2025, arXiv:2507.08965): so {@link #LINEAR} before {@link #CONSTANT}.
 */
public enum GuidanceSchedule {
    /** The full weight at every step. */
    CONSTANT,
    /** From 0 at the first step to the full weight at the last. */
    LINEAR,
    /** The same along half a cosine: w·(1 - cos πρ)/2. */
    COSINE;

    /**
     * The share of the full weight.
     *
     * @param progress ρ: 0 at the first step, 1 at the last
     */
    public double share(double progress) {
        return switch (this) {
            case CONSTANT -> 1;
            case LINEAR -> progress;
            case COSINE -> (1 - Math.cos(Math.PI * progress)) / 2;
        };
    }
}
