package dev.smalti.draw;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a caller may wish of how grids are drawn.
 *
 * @param steps how many, or when
 * @param temperatures of the logits over the steps
 * @param filters which codes are left out
 * @param guidance to the classes
 * @param unmasking which masked places a step reveals
 * @param extrapolation how a step looks ahead
 * @param corrector what draws codes anew
 * @param looking through which windows, where the canvas is larger than in training
 * @param canvas the size of the grids; null for that of training
 */
public record Sampling(
        Steps steps,
        Temperatures temperatures,
        Filters filters,
        GuidanceSettings guidance,
        Unmasking unmasking,
        Extrapolation extrapolation,
        Corrector corrector,
        Looking looking,
        Canvas canvas) {
    /** The method's usual number of steps, and draws from the model as it is. */
    public static final Sampling USUAL = new Sampling(
            Steps.USUAL,
            Temperatures.ONE,
            Filters.NONE,
            GuidanceSettings.NONE,
            Unmasking.USUAL,
            Extrapolation.NONE,
            Corrector.NONE,
            Looking.STRIDED,
            null);

    /**
     * The weight of guidance at a step.
     *
     * @param number 1..steps
     */
    public double weight(int number, int steps) {
        return guidance.at(progress(number, steps), steps == 1);
    }

    /**
     * The filter of a step.
     *
     * @param number 1..steps
     */
    public LogitFilter filter(int number, int steps) {
        return new LogitFilter(temperatures.at(progress(number, steps)), filters);
    }

    /** 0 at the first step, 1 at the last, and 1 where there is one alone. */
    private static double progress(int number, int steps) {
        return steps == 1 ? 1 : Math.min(1, (number - 1.0) / (steps - 1));
    }

    /** In equal steps; 0 for the usual number. */
    public Sampling steps(int steps) {
        return steps(Steps.of(steps));
    }

    /** In other steps. */
    public Sampling steps(Steps steps) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** @param times the share of the noise before each step */
    public Sampling times(List<Double> times) {
        return steps(new Steps.Listed(times));
    }

    /** With guidance of this weight. */
    public Sampling guidance(double weight) {
        return guidance(guidance.weight(weight));
    }

    /** With other guidance. */
    public Sampling guidance(GuidanceSettings guidance) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** With one temperature throughout: whatever the last one was. */
    public Sampling temperature(double temperature) {
        return temperatures(new Temperatures(temperature, temperature));
    }

    /** To this temperature at the last step, from that of the first. */
    public Sampling lastTemperature(double last) {
        return temperatures(new Temperatures(temperatures.first(), last));
    }

    /** With other temperatures. */
    public Sampling temperatures(Temperatures temperatures) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** With other filters. */
    public Sampling filters(Filters filters) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** With the temperature and the filters of {@code filter} in every step: whatever the last temperature was. */
    public Sampling filter(LogitFilter filter) {
        return temperature(filter.temperature()).filters(filter.filters());
    }

    /** Revealing other places in a step. */
    public Sampling unmasking(Unmasking unmasking) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** In another order. */
    public Sampling order(Order order) {
        return unmasking(unmasking.order(order));
    }

    /** Looking ahead in another way. */
    public Sampling extrapolation(Extrapolation extrapolation) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** With another corrector. */
    public Sampling corrector(Corrector corrector) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** Through other windows. */
    public Sampling looking(Looking looking) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** On a canvas; null for the size of training. */
    public Sampling canvas(Canvas canvas) {
        return new Sampling(
                steps, temperatures, filters, guidance, unmasking, extrapolation, corrector, looking, canvas);
    }

    /** What isn't as usual, by the names of the command line's options, for results and for what depends on it. */
    public Map<String, Object> named() {
        Map<String, Object> named = new LinkedHashMap<>();
        put(named, "steps", steps.count(), 0);
        if (steps instanceof Steps.Listed listed) {
            named.put("times", listed.times());
        }
        put(named, "guidance", guidance.weight(), 0.0);
        if (guidance.schedule() != GuidanceSchedule.CONSTANT) {
            named.put("guidance_schedule", guidance.schedule().name().toLowerCase(Locale.ROOT));
        }
        put(named, "guidance_power", guidance.power(), 1.0);
        if (!guidance.interval().equals(GuidanceSettings.Interval.ALL)) {
            named.put(
                    "guidance_interval",
                    List.of(guidance.interval().from(), guidance.interval().to()));
        }
        put(named, "negative", guidance.negative(), null);
        if (guidance.guiding() != null) {
            named.put("against", guidance.guiding().named());
        }
        if (temperatures.values().size() > 2) {
            named.put("temperatures", temperatures.values());
        } else {
            put(named, "temperature", temperatures.first(), 1.0);
            put(named, "last_temperature", temperatures.last(), temperatures.first());
        }
        put(named, "top_k", filters.topK(), 0);
        put(named, "top_p", filters.topP(), 1.0);
        put(named, "typical", filters.typical(), 1.0);
        name(named, "reveal", unmasking.reveal(), Unmasking.Reveal.USUAL);
        name(named, "order", unmasking.order(), Order.USUAL);
        put(named, "order_noise", unmasking.noise(), null);
        put(named, "entropy_bound", unmasking.bound(), 0.0);
        if (extrapolation instanceof Extrapolation.Multistep multistep) {
            named.put("extrapolate", multistep.lambda());
        } else if (extrapolation instanceof Extrapolation.Trapezoidal trapezoidal) {
            named.put("trapezoidal", trapezoidal.theta());
        }
        corrector(named);
        if (looking != Looking.STRIDED) {
            named.put("windows", looking.name().toLowerCase(Locale.ROOT));
        }
        if (canvas != null) {
            named.put("canvas", List.of(canvas.height(), canvas.width(), canvas.stride()));
        }
        return named;
    }

    private void corrector(Map<String, Object> named) {
        if (corrector instanceof Corrector.Gibbs gibbs) {
            named.put("corrector", "gibbs");
            named.put("corrector_sweeps", gibbs.sweeps());
            named.put("corrector_places", gibbs.places());
            named.put("corrector_when", gibbs.when().name().toLowerCase(Locale.ROOT));
        } else if (corrector instanceof Corrector.Psi psi) {
            named.put("corrector", "psi");
            named.put("corrector_kappa", psi.kappa());
        } else if (corrector instanceof Corrector.Remask remask) {
            named.put("corrector", "remask-" + remask.kind().name().toLowerCase(Locale.ROOT));
            named.put("corrector_eta", remask.eta());
        }
    }

    private static void name(Map<String, Object> named, String name, Enum<?> value, Enum<?> usual) {
        if (value != usual) {
            named.put(name, value.name().toLowerCase(Locale.ROOT));
        }
    }

    private static void put(Map<String, Object> named, String name, Object value, Object usual) {
        if (value != null && !value.equals(usual)) {
            named.put(name, value);
        }
    }
}
