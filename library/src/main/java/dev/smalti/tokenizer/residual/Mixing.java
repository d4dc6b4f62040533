package dev.smalti.tokenizer.residual;

/** α_t, how much of what step t quantizes is image: from almost nothing to 1 at t = T. Section 4.3 and figure 5. */
public enum Mixing {
    /** sin(π t / 2T) */
    SIN,
    /** t / T */
    LINEAR,
    /** base^(T - t): the paper's choice, with base 0.75. */
    POWER;

    /**
     * @param t 1..steps
     * @param base of {@link #POWER}
     */
    double alpha(int t, int steps, double base) {
        return switch (this) {
            case SIN -> Math.sin(Math.PI * t / 2 / steps);
            case LINEAR -> (double) t / steps;
            case POWER -> Math.pow(base, steps - t);
        };
    }
}
