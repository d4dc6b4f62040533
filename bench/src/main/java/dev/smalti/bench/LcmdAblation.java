package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.testing.JointExperiment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The rows of table 1 of Nguyen et al. 2024, arXiv:2410.14758, in small: runs on the known joint, and whether embeddings
 * collapse. What came of it is in docs/lcmd.md.
 */
final class LcmdAblation {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path RECIPES = Path.of(System.getProperty("smalti.home", ""), "recipes", "toy");
    private static final String PAPER =
            "network: {kind: dit, layers: 3, width: 64, heads: 4, condition: 64}, embedding: {dimension: 16}, sampling: {steps: 50}";

    private record Row(String name, String recipe, String override) {}

    private static final List<Row> BASELINES = List.of(
            new Row("CSDM", "csdm", "seed=0"),
            new Row("CSDM normalised", "csdm-normalised", "seed=0"),
            new Row("CSDM frozen", "csdm-frozen", "seed=0"),
            new Row("CDCD", "cdcd", "seed=0"));

    private static final List<Row> TABLE = List.of(
            new Row("the paper's weights", "lcmd", "prior={kind: lcmd, " + PAPER + "}"),
            new Row("without consistency", "lcmd", "prior={kind: lcmd, weights: {consistency: 0}, " + PAPER + "}"),
            new Row("without shift", "lcmd", "prior={kind: lcmd, noise: {shift: 1}, " + PAPER + "}"),
            new Row("without dropping", "lcmd", "prior={kind: lcmd, dropping: {ratio: 0}, " + PAPER + "}"),
            new Row("with cross-entropy", "lcmd", "prior={kind: lcmd, weights: {cross_entropy: 1}, " + PAPER + "}"));

    private LcmdAblation() {}

    /** Every row, trained for 400 steps of 128. */
    static List<Map<String, Object>> table() throws IOException {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (List<Row> part : List.of(TABLE, BASELINES)) {
            for (Row row : part) {
                rows.add(measured(
                        row, "training.steps=400", "training.batch=128", "training.validate_every=400", row.override));
            }
        }
        return rows;
    }

    /** The paper's weights and each baseline, with the training of the baselines' recipes. */
    static List<Map<String, Object>> longer() throws IOException {
        List<Row> all = new ArrayList<>(BASELINES);
        all.add(0, new Row("the paper's weights", "csdm", "prior={kind: lcmd, " + PAPER + "}"));
        List<Map<String, Object>> rows = new ArrayList<>();
        for (Row row : all) {
            rows.add(measured(row, "training.validate_every=1000", row.override));
        }
        return rows;
    }

    private static Map<String, Object> measured(Row row, String... overrides) throws IOException {
        return Folders.temporary(folder -> {
            JointExperiment experiment = new JointExperiment(folder);
            Path run = experiment.train(RECIPES.resolve(row.recipe + ".yaml"), overrides);
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("run", row.name);
            result.put("total_variation", experiment.distance(run, "prior.sampling.steps=25"));
            List<JsonNode> lines = lines(run);
            for (String measure : List.of("embedding_norm", "embedding_distance")) {
                result.put(measure + "_first", measure(lines.get(0), measure));
                result.put(measure + "_last", measure(lines.get(lines.size() - 1), measure));
            }
            for (String measure : List.of("accuracy_at_0.1", "accuracy_at_0.5", "entropy_at_0.1", "entropy_at_0.9")) {
                result.put(measure, measure(lines.get(lines.size() - 1), measure));
            }
            System.err.println(result); // at once: the whole takes long
            return result;
        });
    }

    /** The lines of metrics.jsonl that tell of embeddings. */
    private static List<JsonNode> lines(Path run) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode node = JSON.readTree(line);
            if (node.has("prior.embedding_norm")) {
                lines.add(node);
            }
        }
        return lines;
    }

    private static double measure(JsonNode line, String name) {
        return line.required("prior." + name).asDouble();
    }
}
