package dev.smalti.train;

import java.util.Map;

/**
 * Where a run stands.
 *
 * @param step steps taken in all
 * @param of steps of the whole run
 * @param begun the step at which this process began
 * @param items training items that this process has seen
 * @param seconds that this process has trained
 * @param measures of the last step, by name: the loss and the norm of the gradient of each player, and what they report
 * @param rate learning rate of the last step
 * @param ended why it is complete though there are steps left; null if it isn't
 */
public record Run(
        long step,
        long of,
        long begun,
        long items,
        double seconds,
        Map<String, Double> measures,
        double rate,
        String ended) {
    /** One that goes on to its last step. */
    public Run(long step, long of, long begun, long items, double seconds, Map<String, Double> measures, double rate) {
        this(step, of, begun, items, seconds, measures, rate, null);
    }

    public boolean complete() {
        return step >= of || ended != null;
    }

    /** The same, complete where it stands. */
    public Run ended(String why) {
        return new Run(step, of, begun, items, seconds, measures, rate, why);
    }

    /** Of this process. */
    public double itemsPerSecond() {
        return seconds == 0 ? 0 : items / seconds;
    }
}
