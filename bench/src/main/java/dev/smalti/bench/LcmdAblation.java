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
import java.util.stream.Stream;

/**
 * Tables 1, 4 to 6 and 8 of Nguyen et al. 2024, arXiv:2410.14758, in small: runs on the known joint, and whether embeddings
 * collapse. What came of it is in docs/lcmd.md.
 */
final class LcmdAblation {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path RECIPES = Path.of(System.getProperty("smalti.home", ""), "recipes", "toy");
    private static final String OURS = "lcmd-consistency"; // the recipe that is varied
    private static final String PAPER =
            "network: {kind: dit, layers: 3, width: 64, heads: 4, condition: 64}, embedding: {dimension: 16}, sampling: {steps: 50}";

    private record Row(String name, String recipe, String... overrides) {}

    private static final List<Row> BASELINES = List.of(
            new Row("CSDM", "csdm"),
            new Row("CSDM normalised", "csdm-normalised"),
            new Row("CSDM frozen", "csdm-frozen"),
            new Row("CDCD", "cdcd"));

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
                rows.add(measured(row, 25, "training.steps=400", "training.batch=128", "training.validate_every=400"));
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
            rows.add(measured(row, 25, "training.validate_every=1000"));
        }
        return rows;
    }

    /** The recipe with consistency by pairs from the data, and changes of it, each trained as long as the recipe says. */
    static List<Map<String, Object>> consistency() throws IOException {
        List<Row> rows = List.of(
                new Row("as the recipe", OURS),
                new Row("four times as long", OURS, "training.steps=14000"),
                new Row(
                        "nearby, no reconstruction",
                        OURS,
                        "prior.consistency.nearby=0.25",
                        "prior.weights={reconstruction: 0, consistency: 1, diffusion: 0, cross_entropy: 0.5}"));
        List<Map<String, Object>> results = new ArrayList<>();
        for (Row row : rows) {
            results.add(measured(row, 50));
        }
        return results;
    }

    /** Table 6: how many tokens are dropped, and which. */
    static List<Map<String, Object>> dropping() throws IOException {
        List<Row> rows = new ArrayList<>();
        rows.add(new Row("linear", OURS, "prior.dropping={share: linear}"));
        rows.add(new Row("random", OURS, "prior.dropping={share: random}"));
        for (String ratio : List.of("0", "0.1", "0.2", "0.3", "0.4", "0.5")) {
            rows.add(new Row("fixed " + ratio, OURS, "prior.dropping={ratio: " + ratio + "}"));
        }
        return shorter(rows);
    }

    /** Table 8, left: weights of consistency and of the diffusion loss, with no cross-entropy at t. */
    static List<Map<String, Object>> weights() throws IOException {
        List<Row> rows = new ArrayList<>();
        for (String[] pair :
                new String[][] {{"0.01", "0.01"}, {"0.01", "1"}, {"1", "1"}, {"1", "0.01"}, {"1", "0.005"}}) {
            String weights = "prior.weights={consistency: " + pair[0] + ", diffusion: " + pair[1] + "}";
            rows.add(new Row(pair[0] + " and " + pair[1], OURS, weights));
        }
        return shorter(rows);
    }

    /** Table 8, right: dimensions of the embeddings. */
    static List<Map<String, Object>> width() throws IOException {
        List<Row> rows = new ArrayList<>();
        for (int dimension : new int[] {4, 8, 16, 32, 64}) {
            rows.add(new Row("D = " + dimension, OURS, "prior.embedding.dimension=" + dimension));
        }
        return shorter(rows);
    }

    private static List<Map<String, Object>> shorter(List<Row> rows) throws IOException {
        List<Map<String, Object>> results = new ArrayList<>();
        for (Row row : rows) {
            results.add(measured(row, 25, "training.steps=1000", "training.batch=256", "training.validate_every=1000"));
        }
        return results;
    }

    /** Tables 4 and 5: total variation by steps and sampler, and MaskGIT's, which has four tokens to draw. */
    static List<Map<String, Object>> steps() throws IOException {
        return Folders.temporary(folder -> {
            JointExperiment experiment = new JointExperiment(folder);
            Path run = experiment.train(RECIPES.resolve(OURS + ".yaml"));
            Path masked = experiment.train(RECIPES.resolve("maskgit.yaml"));
            return List.of(
                    bySteps("ancestral", experiment, run, List.of(2, 3, 4, 5, 8, 15, 20, 50, 100, 200), "ancestral"),
                    bySteps("ddim", experiment, run, List.of(2, 3, 4, 5, 8, 15, 20, 50, 100, 200), "ddim"),
                    bySteps("multistep", experiment, run, List.of(2, 3, 4, 5, 8, 15, 20, 50, 100, 200), "multistep"),
                    bySteps("MaskGIT", experiment, masked, List.of(1, 2, 3, 4), null));
        });
    }

    /** @param sampler null for one that has none */
    private static Map<String, Object> bySteps(
            String name, JointExperiment experiment, Path run, List<Integer> steps, String sampler) {
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("run", name);
        for (int each : steps) {
            String number = "prior.sampling.steps=" + each;
            result.put(
                    "in " + each,
                    sampler == null
                            ? experiment.distance(run, number)
                            : experiment.distance(run, number, "prior.sampling.sampler=" + sampler));
        }
        System.err.println(result);
        return result;
    }

    /**
     * @param steps of a draw
     * @param training changes to the recipe's training, before the row's own
     */
    private static Map<String, Object> measured(Row row, int steps, String... training) throws IOException {
        String[] overrides =
                Stream.of(training, row.overrides).flatMap(Stream::of).toArray(String[]::new);
        return Folders.temporary(folder -> {
            JointExperiment experiment = new JointExperiment(folder);
            Path run = experiment.train(RECIPES.resolve(row.recipe + ".yaml"), overrides);
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("run", row.name);
            result.put("total_variation", experiment.distance(run, "prior.sampling.steps=" + steps));
            List<JsonNode> bound = lines(run, "held_out.bits_per_token");
            result.put(
                    "bits_per_token",
                    bound.get(bound.size() - 1).get("held_out.bits_per_token").asDouble());
            List<JsonNode> lines = lines(run, "prior.embedding_norm");
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

    /** The lines of metrics.jsonl that tell of something. */
    private static List<JsonNode> lines(Path run, String of) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
            JsonNode node = JSON.readTree(line);
            if (node.has(of)) {
                lines.add(node);
            }
        }
        return lines;
    }

    private static double measure(JsonNode line, String name) {
        return line.required("prior." + name).asDouble();
    }
}
