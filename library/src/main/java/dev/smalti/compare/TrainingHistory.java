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
 * @param heldOut a measure of what was kept out of the training, over the steps: bits per token of a prior, PSNR of a tokenizer
 */
record TrainingHistory(Double seconds, Double loss, List<CompareResult.Point> heldOut) {
    static final String BITS = "bits_per_token";
    static final String PSNR = "psnr";

    /**
     * Of a run folder; empty if it has no log.
     *
     * @param measure of what was kept out
     */
    static TrainingHistory of(Path run, String measure) {
        Path file = run.resolve("metrics.jsonl");
        Reading reading = new Reading("held_out." + measure);
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
        private final String measure;
        private final List<CompareResult.Point> heldOut = new ArrayList<>();
        private Double loss;
        private double before;
        private double last = Double.NaN;

        Reading(String measure) {
            this.measure = measure;
        }

        void line(JsonNode node) {
            if (node.path("seconds").isNumber()) {
                double now = node.path("seconds").asDouble();
                before += now < last ? last : 0; // each process counts from 0
                last = now;
            }
            loss = lossOf(node).orElse(loss);
            JsonNode value = node.path(measure);
            if (value.isNumber()) {
                heldOut.add(new CompareResult.Point(node.path("step").asLong(), value.asDouble()));
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
