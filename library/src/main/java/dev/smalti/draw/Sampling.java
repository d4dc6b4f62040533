package dev.smalti.draw;

/**
 * What a caller may say of how grids are drawn.
 *
 * @param steps T', or 0 for the method's usual number
 * @param tempering of every draw
 * @param guidance w of {@link Guidance}; 0 for none
 * @param schedule of the guidance over the steps
 */
public record Sampling(int steps, Tempering tempering, double guidance, GuidanceSchedule schedule) {
    /** The method's usual number of steps, and draws from the model as it is. */
    public static final Sampling USUAL = new Sampling(0, Tempering.NONE, 0, GuidanceSchedule.CONSTANT);

    public Sampling {
        if (steps < 0) {
            throw new IllegalArgumentException("steps must be at least 1 (or 0 for the usual number), got " + steps);
        }
        if (!(guidance >= 0) || Double.isInfinite(guidance)) {
            throw new IllegalArgumentException("guidance must be at least 0, got " + guidance);
        }
    }

    /**
     * The weight of guidance at a step.
     *
     * @param number 1..steps
     */
    public double weight(int number, int steps) {
        return guidance * schedule.share(steps == 1 ? 1 : (number - 1.0) / (steps - 1));
    }

    public Sampling steps(int steps) {
        return new Sampling(steps, tempering, guidance, schedule);
    }

    public Sampling guidance(double guidance) {
        return new Sampling(steps, tempering, guidance, schedule);
    }

    public Sampling tempering(Tempering tempering) {
        return new Sampling(steps, tempering, guidance, schedule);
    }
}
