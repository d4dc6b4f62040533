package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/** Steps of a training in one process and in several of this machine, which share its threads and each batch evenly. */
final class Scale {
    private static final int WARM_UP = 5;
    private static final int STEPS = 25;
    private static final int GRIDS = 512;

    private Scale() {}

    /**
     * Medians of a step.
     *
     * @param recipe of a prior over 8×8 tokens of 1,024 codes
     * @param processes how many in each row
     */
    static List<Map<String, Object>> measure(Path recipe, int... processes) throws IOException {
        return Folders.temporary(folder -> {
            Path tokens = folder.resolve("tokens.safetensors");
            Scope.free(() -> {
                long[] codes =
                        new SplittableRandom(1).longs(GRIDS * 64, 0, 1024).toArray();
                try (TokenFile file = TokenFile.of(Tensors.longs(codes).view(GRIDS, 8, 8), 1024)
                        .build()) {
                    file.write(tokens);
                }
            });
            List<Map<String, Object>> rows = new ArrayList<>();
            for (int each : processes) {
                Path run = folder.resolve("run-" + each);
                train(recipe, tokens, run, each);
                double seconds = median(run);
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("processes", each);
                row.put("seconds_a_step", seconds);
                row.put(
                        "times_as_fast",
                        rows.isEmpty() ? 1.0 : (double) rows.get(0).get("seconds_a_step") / seconds);
                rows.add(row);
            }
            return rows;
        });
    }

    private static void train(Path recipe, Path tokens, Path run, int processes) throws IOException {
        List<String> command = new ArrayList<>(
                List.of("train-prior", recipe.toString(), "--tokens", tokens.toString(), "--out", run.toString()));
        command.addAll(List.of("--processes", Integer.toString(processes), "--device", "cpu"));
        for (String each : List.of(
                "steps=" + (WARM_UP + STEPS),
                "log_every=1",
                "preview_every=0",
                "validate_every=0",
                "checkpoint_every=1000")) {
            command.addAll(List.of("--set", "training." + each));
        }
        Starts.seconds(command);
    }

    private static double median(Path run) throws IOException {
        List<Double> seconds = new ArrayList<>();
        double before = 0;
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode node = new ObjectMapper().readTree(line);
            if (node.has("seconds")) {
                if (node.get("step").asInt() > WARM_UP) {
                    seconds.add(node.get("seconds").asDouble() - before);
                }
                before = node.get("seconds").asDouble();
            }
        }
        return Starts.median(seconds);
    }
}
