package dev.smalti.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes {@code metrics.jsonl}, a line every {@code logEvery} steps with the means since the last one, and a line with
 * {@code held_out.*} after each validation; and draws {@code training.png} of them.
 */
public final class MetricsLog implements Watcher {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsLog.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path folder;
    private final TrainingConfiguration configuration;
    private final Supplier<Map<String, Double>> validation;
    private final MeasureSums sums;
    private final Map<String, TreeMap<Long, Double>> curves = new LinkedHashMap<>();

    /**
     * @param sums of the steps that the next line is of; a checkpoint has them too
     * @param validation measures on held-out data; null for none
     */
    public MetricsLog(
            Path folder,
            TrainingConfiguration configuration,
            MeasureSums sums,
            Supplier<Map<String, Double>> validation) {
        this.folder = folder;
        this.configuration = configuration;
        this.sums = sums;
        this.validation = validation;
    }

    @Override
    public void started(Run run) {
        List<String> kept = new ArrayList<>();
        try {
            if (Files.exists(file())) {
                for (String line : Files.readAllLines(file())) {
                    JsonNode node = parse(line);
                    if (node != null && node.path("step").asLong() <= run.begun()) {
                        kept.add(line);
                        node.properties().forEach(field -> {
                            if (field.getValue().isNumber()) {
                                curve(
                                        field.getKey(),
                                        node.path("step").asLong(),
                                        field.getValue().asDouble());
                            }
                        });
                    }
                }
            }
            try (AtomicFile beside = AtomicFile.of(file())) {
                Files.write(beside.path(), kept);
                beside.commit();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(file() + " cannot be written", e);
        }
    }

    private static JsonNode parse(String line) {
        try {
            return JSON.readTree(line);
        } catch (JsonProcessingException e) {
            return null; // the last line of a killed run
        }
    }

    @Override
    public void stepped(Run run) {
        sums.add(run.measures());
        if (run.step() % configuration.logEvery() == 0 || run.complete()) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("step", run.step());
            line.putAll(sums.takeMeans());
            line.put("learning_rate", run.rate());
            line.put("items_per_second", run.itemsPerSecond());
            line.put("seconds", run.seconds());
            append(line);
        }
        boolean due = configuration.validateEvery() > 0 && run.step() % configuration.validateEvery() == 0;
        if (validation != null && (due || run.complete())) {
            Map<String, Object> line = new LinkedHashMap<>();
            line.put("step", run.step());
            validation.get().forEach((name, value) -> line.put("held_out." + name, value));
            append(line);
            plot();
        }
    }

    @Override
    public void stopped(Run run) {
        plot();
    }

    private void append(Map<String, Object> line) {
        long step = (Long) line.get("step");
        line.forEach((name, value) -> curve(name, step, ((Number) value).doubleValue()));
        try {
            Files.writeString(
                    file(), JSON.writeValueAsString(line) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(file() + " cannot be written", e);
        }
    }

    private void curve(String name, long step, double value) {
        curves.computeIfAbsent(name, key -> new TreeMap<>()).put(step, value);
    }

    private void plot() {
        try {
            TrainingPlot.write(folder.resolve("training.png"), curves);
        } catch (IOException | RuntimeException | LinkageError e) {
            LOG.warn("training.png could not be drawn: {}", e.toString()); // a machine without fonts can still train
        }
    }

    private Path file() {
        return folder.resolve("metrics.jsonl");
    }
}
