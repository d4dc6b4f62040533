package dev.smalti.draw;

/**
 * How strongly a draw is led to its class, or away from a less able model, and when.
 *
 * @param weight w of {@link Guidance}, at least 0; 0 for none
 * @param schedule of the weight over the steps
 * @param interval of the steps in which there is guidance
 * @param negative the label from which guidance leads away; null for no class, as usual
 * @param power s to which the progress is raised before the schedule takes it, above 0; 1 as usual. Above 1 guidance stays weak for
 *     longer; with {@link GuidanceSchedule#COSINE} it is the power-cosine of Gao et al. 2023, arXiv:2303.14389
 * @param guiding the model away from which guidance leads, in the place of no class; null for none, as usual
 */
public record GuidanceSettings(
        double weight,
        GuidanceSchedule schedule,
        Interval interval,
        Long negative,
        double power,
        GuidingModel guiding) {
    /** No guidance. */
    public static final GuidanceSettings NONE = new GuidanceSettings(0, GuidanceSchedule.CONSTANT, Interval.ALL, null);

    /**
     * A part of the steps: guidance that acts in the middle alone costs less variety. Kynkäänniemi et al. 2024,
     * arXiv:2404.07724.
     *
     * @param from share of the steps after which it begins, [0, 1]
     * @param to share of the steps after which it ends, [from, 1]
     */
    public record Interval(double from, double to) {
        /** All steps. */
        public static final Interval ALL = new Interval(0, 1);

        /** @throws IllegalArgumentException if the shares are not such */
        public Interval {
            if (!(from >= 0 && from <= to && to <= 1)) {
                throw new IllegalArgumentException(
                        "a guidance interval must be two shares of the steps, 0 <= from <= to <= 1, got " + from
                                + " and " + to);
            }
        }
    }

    /** @throws IllegalArgumentException if the weight is below 0, the power not above 0, or guidance leads away from two things */
    public GuidanceSettings {
        if (!(weight >= 0) || Double.isInfinite(weight)) {
            throw new IllegalArgumentException("guidance must be at least 0, got " + weight);
        }
        if (!(power > 0) || Double.isInfinite(power)) {
            throw new IllegalArgumentException("the power of the guidance schedule must be above 0, got " + power);
        }
        if (negative != null && guiding != null) {
            throw new IllegalArgumentException(
                    "guidance leads away from a class or from a model, not from both: got label " + negative + " and "
                            + guiding.named());
        }
    }

    /** Along the schedule as it is, and away from no model. */
    public GuidanceSettings(double weight, GuidanceSchedule schedule, Interval interval, Long negative) {
        this(weight, schedule, interval, negative, 1, null);
    }

    /** The same with another weight. */
    public GuidanceSettings weight(double weight) {
        return new GuidanceSettings(weight, schedule, interval, negative, power, guiding);
    }

    /** The same along another schedule. */
    public GuidanceSettings schedule(GuidanceSchedule schedule) {
        return new GuidanceSettings(weight, schedule, interval, negative, power, guiding);
    }

    /** The same with another power of the progress. */
    public GuidanceSettings power(double power) {
        return new GuidanceSettings(weight, schedule, interval, negative, power, guiding);
    }

    /** The same away from a model; null for none. */
    public GuidanceSettings guiding(GuidingModel guiding) {
        return new GuidanceSettings(weight, schedule, interval, negative, power, guiding);
    }

    /**
     * The weight at a step.
     *
     * @param progress 0 at the first step, 1 at the last
     * @param alone whether there is but one step, which every interval contains
     */
    public double at(double progress, boolean alone) {
        boolean within = alone || (progress >= interval.from() && progress <= interval.to());
        return within ? weight * schedule.share(power == 1 ? progress : Math.pow(progress, power)) : 0;
    }

    /** The label for which guidance stands against. @param classes the label of no class */
    public long against(long classes) {
        return negative == null ? classes : negative;
    }
}
