package dev.smalti.draw;

/**
 * What logits are divided by, from the first step to the last in equal parts.
 *
 * @param first of the first step, above 0; 1 changes nothing
 * @param last of the last step, above 0
 */
public record Temperatures(double first, double last) {
    /** 1 throughout, which changes nothing. */
    public static final Temperatures ONE = new Temperatures(1, 1);

    /** @throws IllegalArgumentException naming the one that is not above 0 */
    public Temperatures {
        check("temperature", first);
        check("the last temperature", last);
    }

    private static void check(String name, double temperature) {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException(name + " must be above 0, got " + temperature);
        }
    }

    /** @param progress 0 at the first step, 1 at the last */
    public double at(double progress) {
        return first + progress * (last - first);
    }
}
