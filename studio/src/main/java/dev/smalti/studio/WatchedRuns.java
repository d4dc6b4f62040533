package dev.smalti.studio;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Excerpt;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.MetricsFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The run folders that lie directly in a folder, as they are now. What is read there is found by listing, never by a request's words. */
final class WatchedRuns {
    private static final int MOST_RUNS = 500;
    private static final int MOST_POINTS = 400; // of a curve
    private static final int RECENT = 10; // lines by which the speed is told
    private static final long MOST_BYTES = 32 << 20;
    private static final double QUIET = 180; // seconds since the last line, as the page has it
    private static final Pattern PREVIEW = Pattern.compile("preview-(\\d{1,15})\\.png");

    private static final int MOST_CURVES = 16; // that are kept

    private final Path folder;
    private final FileReadings<Map<String, Object>> recipes = new FileReadings<>(MOST_RUNS);
    private final FileReadings<Progress> curves = new FileReadings<>(MOST_CURVES);

    WatchedRuns(Path folder) {
        this.folder = folder;
    }

    /** A run, by the name of its folder. */
    private record Run(String name, Path path) {
        Path metrics() {
            return path.resolve("metrics.jsonl");
        }

        long writtenAt() {
            try {
                return Files.getLastModifiedTime(metrics()).toMillis();
            } catch (IOException e) {
                return 0;
            }
        }
    }

    private List<Run> runs() {
        try (Stream<Path> inside = Files.list(folder)) {
            return inside.filter(each -> Files.isRegularFile(each.resolve("metrics.jsonl")))
                    .map(each -> new Run(each.getFileName().toString(), each))
                    .map(each -> Map.entry(each.writtenAt(), each)) // which may change meanwhile
                    .sorted(Map.Entry.<Long, Run>comparingByKey().reversed())
                    .limit(MOST_RUNS)
                    .map(Map.Entry::getValue)
                    .toList();
        } catch (IOException | UncheckedIOException e) {
            throw ApiException.unknown("runs", "runs_not_found", "the folder of runs can't be read");
        }
    }

    /** Whoever asks can try again: a run that is written to, or was taken away. */
    private static ApiException unreadable() {
        return ApiException.unknown("name", "run_unreadable", "the run can't be read now: try again");
    }

    private Run run(String name) {
        return runs().stream()
                .filter(each -> each.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () -> ApiException.unknown("name", "run_not_found", "there is no run " + Excerpt.of(name)));
    }

    /** The one written to last comes first. */
    List<Map<String, Object>> list() {
        List<Map<String, Object>> list = new ArrayList<>();
        for (Run run : runs()) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("name", run.name());
            facts.put("seconds_ago", secondsAgo(run));
            facts.putAll(recipe(run));
            list.add(facts);
        }
        return list;
    }

    private static double secondsAgo(Run run) {
        return Math.max(0, System.currentTimeMillis() - run.writtenAt()) / 1e3;
    }

    /** Changes when the run has written more, and when it has been quiet for so long that nobody may be at work. */
    String tag(String name) {
        Run run = run(name);
        try {
            FileTime written = Files.getLastModifiedTime(run.metrics());
            TreeMap<Long, Path> previews = previews(run);
            return '"' + Long.toHexString(written.toMillis()) + "-" + Long.toHexString(Files.size(run.metrics())) + "-"
                    + (previews.isEmpty() ? 0 : previews.lastKey()) + "-" + (secondsAgo(run) < QUIET) + '"';
        } catch (IOException e) {
            throw unreadable();
        }
    }

    /** All that is shown of a run. @throws ApiException if there is none of that name */
    Map<String, Object> facts(String name) {
        Run run = run(name);
        Progress progress = progress(run);
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("name", run.name());
        facts.put("seconds_ago", secondsAgo(run));
        Map<String, Object> recipe = recipe(run);
        facts.putAll(recipe);
        facts.put("step", progress.step());
        double rate = progress.stepsASecond();
        facts.put("steps_per_second", rate);
        facts.put(
                "seconds_left",
                recipe.get("steps") instanceof Number steps && rate > 0
                        ? Math.max(0, steps.longValue() - progress.step()) / rate
                        : null);
        facts.put("curves", progress.curves());
        facts.put("previews", List.copyOf(previews(run).keySet()));
        facts.put("checkpoints", Checkpoints.steps(run.path()));
        return facts;
    }

    /** How far a run has come: of its curves as many points as are shown. */
    private record Progress(long step, double stepsASecond, Map<String, List<double[]>> curves) {}

    private Progress progress(Run run) {
        try {
            return curves.of(run.metrics(), file -> {
                if (Files.size(file) > MOST_BYTES) {
                    throw ApiException.tooLarge("the metrics of " + Excerpt.of(run.name()) + " are above " + MOST_BYTES
                            + " bytes: see training.png");
                }
                Curves all = new Curves();
                MetricsFile.forEach(file, all::add);
                return new Progress(all.step, all.stepsASecond(), all.thinned());
            });
        } catch (IOException e) {
            throw unreadable();
        }
    }

    /** What the recipe says, where there is one: what is trained, and for how many steps. */
    private Map<String, Object> recipe(Run run) {
        try {
            return recipes.of(run.path().resolve("recipe.yaml"), WatchedRuns::recipe);
        } catch (IOException e) {
            return Map.of("kind", "unknown");
        }
    }

    private static Map<String, Object> recipe(Path file) {
        Map<String, Object> facts = new LinkedHashMap<>();
        try {
            Map<String, Object> recipe = RecipeFile.tree(file);
            for (String trained : List.of("prior", "tokenizer", "features")) {
                if (recipe.get(trained) instanceof Map<?, ?> model) {
                    facts.put("kind", trained);
                    facts.put("method", model.get("kind"));
                }
            }
            if (recipe.get("training") instanceof Map<?, ?> training) {
                facts.put("steps", training.get("steps"));
                facts.put("batch", training.get("batch"));
            }
        } catch (RuntimeException e) {
            facts.put("kind", "unknown"); // a run is shown whatever lies beside its curves
        }
        return facts;
    }

    /** By their steps. */
    private static TreeMap<Long, Path> previews(Run run) {
        TreeMap<Long, Path> previews = new TreeMap<>();
        try (Stream<Path> inside = Files.list(run.path())) {
            inside.forEach(each -> {
                Matcher name = PREVIEW.matcher(each.getFileName().toString());
                if (name.matches()) {
                    previews.put(Long.parseLong(name.group(1)), each);
                }
            });
        } catch (IOException e) {
            throw unreadable();
        }
        return previews;
    }

    /** A PNG file. @throws ApiException if there is none of that run and step */
    byte[] preview(String name, String step) {
        for (Map.Entry<Long, Path> each : previews(run(name)).entrySet()) {
            if (each.getKey().toString().equals(step)) {
                try {
                    return Files.readAllBytes(each.getValue());
                } catch (IOException e) {
                    throw unreadable();
                }
            }
        }
        throw ApiException.unknown("step", "preview_not_found", "there is no preview of step " + Excerpt.of(step));
    }

    /** What was measured, by name and step. */
    private static final class Curves {
        private final Map<String, List<double[]>> points = new LinkedHashMap<>();
        private final List<double[]> times = new ArrayList<>(); // step, seconds
        private long step;

        void add(JsonNode line) {
            if (!line.path("step").isNumber()) {
                return;
            }
            step = Math.max(step, line.get("step").asLong());
            double at = line.get("step").asDouble();
            line.properties().forEach(each -> {
                double value = each.getValue().asDouble();
                if (each.getValue().isNumber()
                        && Double.isFinite(value)
                        && !each.getKey().equals("step")) {
                    points.computeIfAbsent(each.getKey(), name -> new ArrayList<>())
                            .add(new double[] {at, value});
                }
            });
            if (line.path("seconds").isNumber()) {
                times.add(new double[] {at, line.get("seconds").asDouble()});
            }
        }

        /** Of late; 0 if that isn't known. */
        double stepsASecond() {
            if (times.size() < 2) {
                return 0;
            }
            double[] last = times.get(times.size() - 1);
            double[] first = times.get(Math.max(0, times.size() - 1 - RECENT));
            double seconds = last[1] - first[1];
            return seconds > 0 && last[0] > first[0] ? (last[0] - first[0]) / seconds : 0;
        }

        Map<String, List<double[]>> thinned() {
            Map<String, List<double[]>> thinned = new LinkedHashMap<>();
            points.forEach((name, all) -> {
                int stride = (all.size() + MOST_POINTS - 1) / MOST_POINTS;
                List<double[]> some = new ArrayList<>();
                for (int i = (all.size() - 1) % stride; i < all.size(); i += stride) { // with the last
                    some.add(all.get(i));
                }
                thinned.put(name, some);
            });
            return thinned;
        }
    }
}
