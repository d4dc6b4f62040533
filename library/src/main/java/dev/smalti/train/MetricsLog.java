package dev.smalti.train;

import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.network.Loss;
import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes {@code metrics.jsonl}, a line every {@code logEvery} steps with the means since the last one, and a line with
 * {@code held_out.*} after each validation; and draws {@code training.png} of them. Losses by time are an array of ten, of (0, 0.1] to
 * (0.9, 1] of all times, null where there was none.
 *
 * <p>All validations of a run are of the same items, whose number is in their lines as {@code held_out.items}: a run that goes on
 * with another recipe keeps to those that it began with, all of them if it doesn't say. A validation that was stopped is made
 * when the run goes on.
 */
public final class MetricsLog implements Watcher {
    private static final Logger LOG = LoggerFactory.getLogger(MetricsLog.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String HELD_OUT = "held_out.";
    private static final Pattern PART = Pattern.compile("(.*\\.loss_by_time)\\.(\\d)");
    private static final String ITEMS = HELD_OUT + "items";

    /** @param losses of ten parts of all times, with nulls */
    private record TimeProfile(@JsonValue List<Double> losses) {}

    private final Path folder;
    private final TrainingConfiguration configuration;
    private final MeasureSums sums;
    private final List<Watcher> told;
    private final Map<String, TreeMap<Long, Double>> curves = new LinkedHashMap<>();
    private final Map<String, TreeMap<Long, List<Double>>> profiles = new LinkedHashMap<>(); // by time
    private long validated = -1; // the step of the last validation
    private int items; // of each

    /** Nobody is told of its lines. */
    public MetricsLog(Path folder, TrainingConfiguration configuration, MeasureSums sums) {
        this(folder, configuration, sums, List.of());
    }

    /**
     * @param sums of the steps that the next line is of; a checkpoint has them too
     * @param told of each line
     */
    public MetricsLog(Path folder, TrainingConfiguration configuration, MeasureSums sums, List<Watcher> told) {
        this.folder = folder;
        this.configuration = configuration;
        this.sums = sums;
        this.told = told;
        this.items = configuration.heldOutItems();
    }

    @Override
    public void started(Run run) {
        List<String> kept = new ArrayList<>();
        try {
            if (Files.exists(file())) {
                for (String line : MetricsFile.lines(file())) {
                    JsonNode node = parse(line);
                    if (node != null && node.path("step").asLong() <= run.begun()) {
                        kept.add(line);
                        remember(node);
                        node.properties().forEach(field -> {
                            long step = node.path("step").asLong();
                            if (field.getValue().isNumber()) {
                                curve(field.getKey(), step, field.getValue().asDouble());
                            } else if (field.getValue().isArray()) {
                                profile(field.getKey(), step, numbers(field.getValue()));
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

    private void remember(JsonNode line) {
        boolean measured =
                line.properties().stream().anyMatch(field -> field.getKey().startsWith(HELD_OUT));
        if (measured) {
            validated = line.path("step").asLong();
            items = line.path(ITEMS).asInt();
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
            line.putAll(together(sums.takeMeans()));
            line.put("learning_rate", run.rate());
            line.put("items_per_second", run.itemsPerSecond());
            line.put("seconds", run.seconds());
            append(line);
        }
    }

    /**
     * Measures on held-out data, for this log. It comes behind the log and the checkpoints, which a stop of it leaves whole.
     *
     * @param best is fed with the measures, of the log that there is first
     * @param checkpoints that may keep the best
     */
    public Watcher validations(HeldOut heldOut, Best best, Checkpoints checkpoints) {
        return new Watcher() {
            /** Makes up for the measure in which the run was stopped. */
            @Override
            public void started(Run run) {
                curves.getOrDefault(HELD_OUT + heldOut.decides(), new TreeMap<>())
                        .forEach(best::see);
                if (run.begun() > 0 && due(run) && validated != run.step()) {
                    validate(run, heldOut, best, checkpoints);
                }
            }

            @Override
            public void stepped(Run run) {
                if (due(run)) {
                    validate(run, heldOut, best, checkpoints);
                }
            }
        };
    }

    private boolean due(Run run) {
        return run.complete() || configuration.validateEvery() > 0 && run.step() % configuration.validateEvery() == 0;
    }

    private void validate(Run run, HeldOut heldOut, Best best, Checkpoints checkpoints) {
        int count = items == 0 ? heldOut.size() : Math.min(items, heldOut.size());
        Map<String, Double> measures = heldOut.measure(count, done -> {});
        double value = measures.getOrDefault(heldOut.decides(), Double.NaN);
        best.see(run.step(), value);
        if (checkpoints.keepsBest() && best.step() == run.step()) {
            checkpoints.keepBest(new BestCheckpoint(run.step(), heldOut.decides(), value));
        }
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", run.step());
        measures.forEach((name, each) -> line.put(HELD_OUT + name, each));
        line.put(ITEMS, count);
        append(line);
        plot();
    }

    @Override
    public void stopped(Run run) {
        plot();
    }

    private void append(Map<String, Object> line) {
        long step = (Long) line.get("step");
        Map<String, Double> measures = new LinkedHashMap<>();
        line.forEach((name, value) -> {
            if (value instanceof TimeProfile profile) {
                profile(name, step, profile.losses());
                apart(name, profile.losses(), measures);
            } else {
                double number = ((Number) value).doubleValue();
                curve(name, step, number);
                measures.put(name, number);
            }
        });
        measures.remove("step");
        try {
            Files.writeString(
                    file(), JSON.writeValueAsString(line) + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(file() + " cannot be written", e);
        }
        told.forEach(each -> each.measured(step, measures));
    }

    private void curve(String name, long step, double value) {
        curves.computeIfAbsent(name, key -> new TreeMap<>()).put(step, value);
    }

    private void profile(String name, long step, List<Double> losses) {
        profiles.computeIfAbsent(name, key -> new TreeMap<>()).put(step, losses);
    }

    /** Of the parts of a loss by time, which are measures of their own until here, one array. */
    private static Map<String, Object> together(Map<String, Double> means) {
        Map<String, Object> together = new LinkedHashMap<>();
        means.forEach((name, value) -> {
            Matcher part = PART.matcher(name);
            if (!part.matches()) {
                together.put(name, value);
                return;
            }
            Object losses = together.computeIfAbsent(
                    part.group(1),
                    key -> new TimeProfile(new ArrayList<>(Collections.nCopies(Loss.ByTime.PARTS, null))));
            ((TimeProfile) losses).losses().set(Integer.parseInt(part.group(2)), value);
        });
        return together;
    }

    /** The parts of a loss by time as measures of their own. */
    private static void apart(String name, List<Double> losses, Map<String, Double> measures) {
        for (int part = 0; part < losses.size(); part++) {
            Double loss = losses.get(part);
            measures.put(name + "." + part, loss == null ? Double.NaN : loss);
        }
    }

    private static List<Double> numbers(JsonNode array) {
        List<Double> numbers = new ArrayList<>();
        array.forEach(each -> numbers.add(each.isNumber() ? each.asDouble() : null));
        return numbers;
    }

    private void plot() {
        try {
            TrainingPlot.write(folder.resolve("training.png"), curves, profiles);
        } catch (IOException | RuntimeException | LinkageError e) {
            LOG.warn("training.png could not be drawn: {}", e.toString()); // a machine without fonts can still train
        }
    }

    private Path file() {
        return folder.resolve("metrics.jsonl");
    }
}
