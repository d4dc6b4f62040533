package dev.smalti.train;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures of the steps since the last line of {@code metrics.jsonl}. A checkpoint keeps them, so that a run that goes on in the
 * middle of a line writes the same as one that was never stopped.
 */
public final class MeasureSums {
    private final Map<String, Sum> sums = new LinkedHashMap<>();

    private record Sum(double total, long count) {
        Sum and(double value) {
            return new Sum(total + value, count + 1);
        }
    }

    void add(Map<String, Double> measures) {
        measures.forEach((name, value) ->
                sums.put(name, sums.getOrDefault(name, new Sum(0, 0)).and(value)));
    }

    /** Their means, in the order in which they first came; then there are none. */
    Map<String, Double> takeMeans() {
        Map<String, Double> means = new LinkedHashMap<>();
        sums.forEach((name, sum) -> means.put(name, sum.total() / sum.count()));
        sums.clear();
        return means;
    }

    /** For each name its sum and the number of steps; empty behind a line. */
    Map<String, List<Number>> state() {
        Map<String, List<Number>> state = new LinkedHashMap<>();
        sums.forEach((name, sum) -> state.put(name, List.of(sum.total(), sum.count())));
        return state;
    }

    /** @param state of a checkpoint; missing in one of an older version, whose next line has fewer steps */
    void restore(JsonNode state) {
        sums.clear();
        state.properties()
                .forEach(each -> sums.put(
                        each.getKey(),
                        new Sum(
                                each.getValue().path(0).asDouble(),
                                each.getValue().path(1).asLong())));
    }
}
