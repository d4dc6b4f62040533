package dev.smalti.compare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.run.JobException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * What the {@code metrics.jsonl} of a run says.
 *
 * @param seconds of training in all processes together; null where it doesn't say
 * @param loss the last, of the first player; null where it doesn't say
 * @param heldOut bits per token over the steps
 */
record TrainingHistory(Double seconds, Double loss, List<CompareResult.Point> heldOut) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MOST = 1L << 30;

    /** Of a run folder; empty if it has no log. */
    static TrainingHistory of(Path run) {
        Path file = run.resolve("metrics.jsonl");
        Double loss = null;
        double before = 0;
        double last = Double.NaN;
        List<CompareResult.Point> heldOut = new ArrayList<>();
        try {
            List<String> lines = Files.exists(file) && Files.size(file) < MOST ? Files.readAllLines(file) : List.of();
            for (String line : lines) {
                JsonNode node = parsed(line);
                if (node.path("seconds").isNumber()) {
                    double now = node.path("seconds").asDouble();
                    before += now < last ? last : 0; // each process counts from 0
                    last = now;
                }
                Double named = loss(node);
                loss = named == null ? loss : named;
                JsonNode bits = node.path("held_out.bits_per_token");
                if (bits.isNumber()) {
                    heldOut.add(new CompareResult.Point(node.path("step").asLong(), bits.asDouble()));
                }
            }
        } catch (IOException e) {
            throw new JobException(file + " cannot be read: " + e.getMessage(), e);
        }
        return new TrainingHistory(Double.isNaN(last) ? null : before + last, loss, heldOut);
    }

    private static Double loss(JsonNode line) {
        for (Iterator<Map.Entry<String, JsonNode>> each = line.properties().iterator(); each.hasNext(); ) {
            Map.Entry<String, JsonNode> measure = each.next();
            if (measure.getKey().endsWith(".loss") && measure.getValue().isNumber()) {
                return measure.getValue().asDouble();
            }
        }
        return null;
    }

    private static JsonNode parsed(String line) {
        try {
            return JSON.readTree(line);
        } catch (JsonProcessingException e) {
            return JSON.createObjectNode(); // the last line of a killed run
        }
    }
}
