package dev.smalti.compare;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.run.JobException;
import dev.smalti.train.MetricsFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What the {@code metrics.jsonl} of a run says.
 *
 * @param seconds of training in all processes together; null where it doesn't say
 * @param loss the last, of the first player; null where it doesn't say
 * @param heldOut bits per token over the steps
 */
record TrainingHistory(Double seconds, Double loss, List<CompareResult.Point> heldOut) {
    /** Of a run folder; empty if it has no log. */
    static TrainingHistory of(Path run) {
        Path file = run.resolve("metrics.jsonl");
        Reading reading = new Reading();
        try {
            MetricsFile.forEach(file, reading::line);
        } catch (IOException e) {
            throw new JobException(file + " cannot be read: " + e.getMessage(), e);
        }
        Double seconds = Double.isNaN(reading.last) ? null : reading.before + reading.last;
        return new TrainingHistory(seconds, reading.loss, reading.heldOut);
    }

    /** What the lines so far have said. */
    private static final class Reading {
        private final List<CompareResult.Point> heldOut = new ArrayList<>();
        private Double loss;
        private double before;
        private double last = Double.NaN;

        void line(JsonNode node) {
            if (node.path("seconds").isNumber()) {
                double now = node.path("seconds").asDouble();
                before += now < last ? last : 0; // each process counts from 0
                last = now;
            }
            loss = lossOf(node).orElse(loss);
            JsonNode bits = node.path("held_out.bits_per_token");
            if (bits.isNumber()) {
                heldOut.add(new CompareResult.Point(node.path("step").asLong(), bits.asDouble()));
            }
        }

        private static Optional<Double> lossOf(JsonNode line) {
            return line.properties().stream()
                    .filter(measure -> measure.getKey().endsWith(".loss")
                            && measure.getValue().isNumber())
                    .map(measure -> measure.getValue().asDouble())
                    .findFirst();
        }
    }
}
