package dev.smalti.draw;

import java.util.List;

/**
 * What logits are divided by, spread over the steps: the first of the first step, the last of the last, the others as far apart
 * from one another, and between two of them in equal parts. As many as there are steps are one a step, where a method has a fixed
 * number of them: RDPM's T, D3PM's, or those of masked tokens by counts. VQ-LCMD's reading of the tokens is a step more, the last;
 * where a grid skips steps that reveal nothing, as by coins, it skips their temperatures too. More than there are steps are not
 * refused: some fall between two steps.
 *
 * @param values at least two, which one alone becomes by standing twice; each above 0; 1 changes nothing
 */
public record Temperatures(List<Double> values) {
    /** 1 throughout, which changes nothing. */
    public static final Temperatures ONE = new Temperatures(1, 1);

    /** @throws IllegalArgumentException if there is none, or naming the one that is not above 0 */
    public Temperatures {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("temperatures must be at least one number above 0, got []");
        }
        values.forEach(each -> check("temperatures", each));
        values = values.size() == 1 ? List.of(values.get(0), values.get(0)) : List.copyOf(values);
    }

    /**
     * From the first step to the last in equal parts.
     *
     * @throws IllegalArgumentException naming the one that is not above 0
     */
    public Temperatures(double first, double last) {
        this(List.of(check("temperature", first), check("the last temperature", last)));
    }

    private static double check(String name, double temperature) {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException(name + " must be above 0, got " + temperature);
        }
        return temperature;
    }

    /** Of the first step. */
    public double first() {
        return values.get(0);
    }

    /** Of the last step. */
    public double last() {
        return values.get(values.size() - 1);
    }

    /** @param progress 0 at the first step, 1 at the last */
    public double at(double progress) {
        int parts = values.size() - 1;
        int part = Math.min((int) (progress * parts), parts - 1);
        double from = values.get(part);
        return from + (progress * parts - part) * (values.get(part + 1) - from);
    }
}
