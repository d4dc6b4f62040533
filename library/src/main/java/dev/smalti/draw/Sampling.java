package dev.smalti.draw;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a caller may say of how grids are drawn.
 *
 * @param steps T', or 0 for the method's usual number
 * @param times the share of the noise before each step, from 1 down, above 0 and falling; null for equal steps
 * @param filter of every draw
 * @param lastTemperature to which the temperature goes in equal steps from that of {@code filter}, above 0; null if it stays
 * @param guidance w of {@link Guidance}; 0 for none
 * @param schedule of the guidance over the steps
 * @param interval of the steps in which there is guidance
 * @param negative the label from which guidance leads away; null for no class, as usual
 * @param canvas the size of the grids; null for that of training
 * @param known tokens that stay as they are, of just the grids that are drawn at once; null for none
 */
public record Sampling(
        int steps,
        List<Double> times,
        LogitFilter filter,
        Double lastTemperature,
        double guidance,
        GuidanceSchedule schedule,
        Interval interval,
        Long negative,
        Canvas canvas,
        Known known) {
    /** The method's usual number of steps, and draws from the model as it is. */
    public static final Sampling USUAL = new Sampling(0, LogitFilter.NONE, 0, GuidanceSchedule.CONSTANT);

    /**
     * A part of the steps: guidance that acts in the middle alone costs less variety. Kynkäänniemi et al. 2024,
     * arXiv:2404.07724.
     *
     * @param from share of the steps after which it begins, [0, 1]
     * @param to share of the steps after which it ends, [from, 1]
     */
    public record Interval(double from, double to) {
        public static final Interval ALL = new Interval(0, 1);

        public Interval {
            if (!(from >= 0 && from <= to && to <= 1)) {
                throw new IllegalArgumentException(
                        "a guidance interval must be two shares of the steps, 0 <= from <= to <= 1, got " + from
                                + " and " + to);
            }
        }
    }

    public Sampling {
        if (times != null) {
            times = List.copyOf(times);
            check(times);
            steps = times.size();
        }
        if (steps < 0) {
            throw new IllegalArgumentException("steps must be at least 1 (or 0 for the usual number), got " + steps);
        }
        if (!(guidance >= 0) || Double.isInfinite(guidance)) {
            throw new IllegalArgumentException("guidance must be at least 0, got " + guidance);
        }
        if (lastTemperature != null && (!(lastTemperature > 0) || lastTemperature.isInfinite())) {
            throw new IllegalArgumentException("the last temperature must be above 0, got " + lastTemperature);
        }
        if (known != null
                && canvas != null
                && (known.open().size(0) != canvas.height() || known.open().size(1) != canvas.width())) {
            throw new IllegalArgumentException("known tokens must have the size of the canvas, %d × %d, got %d × %d"
                    .formatted(
                            canvas.height(),
                            canvas.width(),
                            known.open().size(0),
                            known.open().size(1)));
        }
    }

    /** Grids of the size of training, all of them drawn, with one temperature. */
    public Sampling(int steps, LogitFilter filter, double guidance, GuidanceSchedule schedule) {
        this(steps, null, filter, null, guidance, schedule, Interval.ALL, null, null, null);
    }

    private static void check(List<Double> times) {
        double before = Double.POSITIVE_INFINITY;
        for (double time : times) {
            if (!(time > 0 && time < before)) {
                throw new IllegalArgumentException("times must be above 0 and fall, got " + times);
            }
            before = time;
        }
        if (times.isEmpty() || times.get(0) != 1) {
            throw new IllegalArgumentException("times must begin with 1, got " + times);
        }
    }

    /**
     * The share of the noise before a step, which is that after the one before.
     *
     * @param number 1..steps, or steps + 1 for the end, 0
     */
    public double time(int number, int steps) {
        if (number > steps) {
            return 0;
        }
        return times == null ? (steps - number + 1.0) / steps : times.get(number - 1);
    }

    /**
     * The weight of guidance at a step.
     *
     * @param number 1..steps
     */
    public double weight(int number, int steps) {
        double progress = progress(number, steps);
        boolean within = steps == 1 || (progress >= interval.from() && progress <= interval.to());
        return within ? guidance * schedule.share(progress) : 0;
    }

    /**
     * The filter of a step.
     *
     * @param number 1..steps
     */
    public LogitFilter filter(int number, int steps) {
        if (lastTemperature == null) {
            return filter;
        }
        double first = filter.temperature();
        return filter.temperature(first + progress(number, steps) * (lastTemperature - first));
    }

    /** 0 at the first step, 1 at the last, and 1 where there is one alone. */
    private static double progress(int number, int steps) {
        return steps == 1 ? 1 : Math.min(1, (number - 1.0) / (steps - 1));
    }

    /** The label for which guidance stands against. @param classes the label of no class */
    public long against(long classes) {
        return negative == null ? classes : negative;
    }

    /** In equal steps. */
    public Sampling steps(int steps) {
        return new Sampling(
                steps, null, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    /** @param times the share of the noise before each step */
    public Sampling times(List<Double> times) {
        return new Sampling(
                times.size(), times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    public Sampling guidance(double guidance) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    /** @param negative null for no class */
    public Sampling guidance(double guidance, GuidanceSchedule schedule, Interval interval, Long negative) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    public Sampling filter(LogitFilter filter) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    public Sampling lastTemperature(Double lastTemperature) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    public Sampling canvas(Canvas canvas) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    public Sampling known(Known known) {
        return new Sampling(
                steps, times, filter, lastTemperature, guidance, schedule, interval, negative, canvas, known);
    }

    /**
     * What isn't as usual, by the names of recipes and results: numbers, strings, and lists and maps of them. It stands for a
     * sampling in the keys of what is kept from one run to the next, so a name here means the same for ever.
     */
    public Map<String, Object> named() {
        Map<String, Object> named = new LinkedHashMap<>();
        if (times != null) {
            named.put("times", times);
        }
        if (steps != 0) {
            named.put("steps", steps);
        }
        if (guidance != 0) {
            named.put("guidance", guidance);
        }
        if (schedule != GuidanceSchedule.CONSTANT) {
            named.put("guidance_schedule", schedule.name().toLowerCase(Locale.ROOT));
        }
        if (!interval.equals(Interval.ALL)) {
            named.put("guidance_interval", List.of(interval.from(), interval.to()));
        }
        if (negative != null) {
            named.put("negative_label", negative);
        }
        if (filter.temperature() != 1) {
            named.put("temperature", filter.temperature());
        }
        if (lastTemperature != null) {
            named.put("last_temperature", lastTemperature);
        }
        if (filter.topK() != 0) {
            named.put("top_k", filter.topK());
        }
        if (filter.topP() != 1) {
            named.put("top_p", filter.topP());
        }
        if (filter.typical() != 1) {
            named.put("typical", filter.typical());
        }
        if (canvas != null) {
            named.put("canvas", List.of(canvas.height(), canvas.width(), canvas.stride()));
        }
        return named;
    }
}
