package dev.smalti.job;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.exchange.PublishedKinds;
import dev.smalti.model.SearchedSteps;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.JsonFile;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenFile;
import dev.smalti.train.BestCheckpoint;
import dev.smalti.train.Checkpoints;
import dev.smalti.train.MetricsFile;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.Tensor;

/**
 * Says what a run folder, a token file, a folder of them or weights are, those that another project published among them.
 *
 * @param pathOrName a path, or the name of a bundled model
 */
public record Describe(String pathOrName) {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final JavaType FACTS = JSON.constructType(new TypeReference<LinkedHashMap<String, Object>>() {});
    private static final Pattern STATISTIC = Pattern.compile("(.*\\.)?(uses|sums)"); // of a codebook, not a weight
    private static final int MOST_EMPTY = 10_000; // classes that are listed though most have no grid
    private static final int SHOWN = 60; // longest line of numbers or names in the text
    private static final int LONGEST = 1_000; // characters of a name or value there

    /** Facts by name: strings, numbers, truths, and lists and maps of them; {@code kind} is always there. */
    public Map<String, Object> run() {
        Path path = Path.of(pathOrName);
        if (Files.isRegularFile(path)) {
            return ofWeights(path);
        }
        if (Files.isDirectory(path) && !Files.exists(path.resolve("model.json")) && isTokens(path)) {
            return ofTokens(path);
        }
        if (WeightArchive.isFolder(path)) {
            return ofWeights(path);
        }
        if (!Files.exists(path) && !RunFolder.bundled().contains(pathOrName)) {
            throw new JobException(pathOrName + " does not exist, and is not the name of a bundled model");
        }
        RunFolder folder = RunFolder.open(pathOrName);
        return folder.isTokenizer() || folder.isPrior() || folder.isFeatures()
                ? ofRun(folder)
                : Map.of("kind", folder.description().kind());
    }

    private static Map<String, Object> ofRun(RunFolder folder) {
        RunFolder.Description description = folder.description();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("kind", description.kind());
        facts.put("path", folder.path().toString());
        facts.put("format", description.format());
        facts.put(folder.isFeatures() ? "size" : "grid", description.height() + "x" + description.width());
        if (description.depth() > 1) {
            facts.put("codes_a_position", description.depth());
        }
        if (!folder.isFeatures()) {
            facts.put("codes", description.codes());
        }
        Map<String, Object> recipe = recipe(folder.path().resolve("recipe.yaml"));
        Optional<Path> checkpoint = Checkpoints.latest(folder.path());
        facts.put("steps", checkpoint.map(Checkpoints::step).orElse(0L));
        if (recipe.get("training") instanceof Map<?, ?> training) {
            facts.put("steps_planned", training.get("steps"));
        }
        checkpoint.ifPresent(last -> facts.put("checkpoint", last.getFileName().toString()));
        checkpoint.ifPresent(last -> facts.put("checkpoints", Checkpoints.steps(folder.path())));
        BestCheckpoint.of(folder.path()).ifPresent(best -> facts.put("best_checkpoint", facts(best)));
        checkpoint.ifPresent(last -> facts.put("parameters", parameters(last)));
        if (folder.isTokenizer()) {
            checkpoint.ifPresent(last -> facts.put("fingerprint", folder.fingerprint()));
        } else {
            if (folder.isPrior()) {
                facts.put("tokenizer", description.tokenizer());
                facts.put("decodes", folder.tokenizerFolder() != null);
            } else {
                checkpoint.ifPresent(last -> facts.put("sha256", folder.sha256()));
            }
            facts.put("classes", description.classes());
            if (!description.classNames().isEmpty()) {
                facts.put("class_names", description.classNames());
            }
            if (description.occurring() != null) {
                facts.put(
                        "classes_without_grids",
                        description.classes() - description.occurring().size());
            }
        }
        if (folder.isPrior()) {
            Map<String, Object> lists = new LinkedHashMap<>();
            SearchedSteps.read(folder.path())
                    .lists()
                    .forEach((steps, found) -> lists.put(steps.toString(), found.bits()));
            if (!lists.isEmpty()) {
                facts.put("bits_per_token_in_steps", lists);
            }
        }
        facts.putAll(lastMetrics(folder.path().resolve("metrics.jsonl")));
        facts.put("recipe", recipe);
        Path provenance = folder.path().resolve("provenance.json");
        if (Files.exists(provenance)) {
            facts.put("provenance", readJson(provenance));
        }
        return facts;
    }

    private static Map<String, Object> facts(BestCheckpoint best) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("step", best.step());
        facts.put(best.measure(), best.value());
        return facts;
    }

    private static Map<String, Object> recipe(Path file) {
        return Files.exists(file) ? RecipeFile.tree(file) : Map.of();
    }

    private static Map<String, Object> readJson(Path file) {
        return JsonFile.convert(file, JsonFile.read(file), FACTS, JSON);
    }

    /** Numbers that were learnt: of the first player, without the discriminator of a tokenizer and the like. */
    private static long parameters(Path checkpoint) {
        long count = 0;
        try (TensorFile file = TensorFile.open(Checkpoints.weights(checkpoint))) {
            for (String name : file.names()) {
                if (!name.contains("/") && !STATISTIC.matcher(name).matches()) {
                    count += size(file.shape(name));
                }
            }
        }
        return count;
    }

    private static long size(long[] shape) {
        long size = 1;
        for (long each : shape) {
            size *= each;
        }
        return size;
    }

    /** The last training measures and the last held-out ones, each with its step. */
    private static Map<String, Object> lastMetrics(Path file) {
        Map<String, Object> training = new LinkedHashMap<>();
        Map<String, Object> heldOut = new LinkedHashMap<>();
        try {
            MetricsFile.forEach(file, line -> {
                if (line.has("step")) {
                    boolean measured = line.properties().stream()
                            .anyMatch(field -> field.getKey().startsWith("held_out."));
                    replace(measured ? heldOut : training, line);
                }
            });
        } catch (IOException e) {
            throw new JobException(file + " cannot be read: " + e.getMessage(), e);
        }
        Map<String, Object> metrics = new LinkedHashMap<>();
        if (!heldOut.isEmpty()) {
            metrics.put("held_out", heldOut);
        }
        if (!training.isEmpty()) {
            metrics.put("training", training);
        }
        return metrics;
    }

    private static void replace(Map<String, Object> values, JsonNode line) {
        values.clear();
        line.properties().forEach(field -> {
            if (field.getValue().isNumber()) {
                values.put(
                        field.getKey().replaceFirst("^held_out\\.", ""),
                        field.getValue().numberValue());
            }
        });
    }

    /** Whether a folder's first safetensors file is one of tokens. */
    private static boolean isTokens(Path folder) {
        List<Path> files = TokenFile.files(folder);
        if (files.isEmpty()) {
            return false;
        }
        try (TensorFile file = TensorFile.open(files.get(0))) {
            return isTokens(file);
        } catch (BadFileException e) {
            return false; // whoever opens it then says why
        }
    }

    private static boolean isTokens(TensorFile file) {
        return file.names().contains("codes") && file.metadata().containsKey("codebook_size");
    }

    private static Map<String, Object> ofWeights(Path path) {
        try (WeightArchive archive = WeightArchive.open(path)) {
            boolean tokens = archive.has("codes") && archive.settings().containsKey("codebook_size");
            return tokens && Files.isRegularFile(path) ? ofTokens(path) : ofTensors(archive);
        } catch (BadFileException e) {
            throw new JobException(e.getMessage() + "; info knows run folders, token files and weights", e);
        }
    }

    private static Map<String, Object> ofTokens(Path path) {
        try (TokenFile file = TokenFile.read(path)) {
            Map<String, Object> facts = new LinkedHashMap<>();
            facts.put("kind", "tokens");
            facts.put("path", path.toString());
            if (Files.isDirectory(path)) {
                facts.put("files", TokenFile.files(path).size());
            }
            facts.put("grids", file.size());
            if (file.copies() > 1) {
                facts.put("copies", file.copies());
            }
            facts.put("grid", file.space().height() + "x" + file.space().width());
            if (file.space().depth() > 1) {
                facts.put("codes_a_position", file.space().depth());
            }
            facts.put("codes", file.codebookSize());
            facts.put("codes_used", used(file));
            file.codebook().ifPresent(codebook -> facts.put("codebook", List.of(codebook.codes(), codebook.width())));
            facts.put("tokenizer", file.tokenizer().orElse(null));
            file.tokenizerRun().ifPresent(run -> facts.put("tokenizer_run", run));
            facts.put("fingerprint", file.fingerprint());
            facts.put("classes", file.classes());
            if (!file.classNames().isEmpty()) {
                facts.put("class_names", file.classNames());
            }
            file.labels().ifPresent(labels -> classes(file, labels, facts));
            facts.put("noise_seeds", file.noiseSeeds().isPresent());
            file.accumulation().ifPresent(each -> {
                List<Double> alpha = new ArrayList<>();
                for (double share : Tensors.toDoubles(each.alpha())) {
                    alpha.add(share);
                }
                facts.put("alpha", alpha);
                facts.put("phi", each.weight().isPresent());
            });
            if (!file.metadata().isEmpty()) {
                facts.put("metadata", file.metadata());
            }
            return facts;
        }
    }

    /** In memory that grows with the codes that are there, not with how many there might be. */
    private static int used(TokenFile file) {
        boolean few = file.codebookSize() / Byte.SIZE
                > Math.max(1 << 20, file.size() * file.space().size());
        BitSet seen = new BitSet();
        Set<Integer> sparse = new HashSet<>();
        file.forEachCodes(codes -> {
            for (long code : Tensors.toLongs(codes)) {
                if (few) {
                    sparse.add((int) code);
                } else {
                    seen.set((int) code);
                }
            }
        });
        return few ? sparse.size() : seen.cardinality();
    }

    /** Of a file whose labels could be most of its classes; a list of zeros says nothing, and may be endless. */
    private static void classes(TokenFile file, Tensor labels, Map<String, Object> facts) {
        int empty = file.classes() - file.occurring().length;
        if (file.classes() <= Math.max(MOST_EMPTY, 2 * file.size())) {
            facts.put("grids_by_class", byClass(file.classes(), Tensors.toLongs(labels)));
        }
        if (empty > 0) {
            facts.put("classes_without_grids", empty);
        }
    }

    private static List<Long> byClass(int classes, long[] labels) {
        long[] counts = new long[classes];
        for (long label : labels) {
            counts[(int) label]++;
        }
        List<Long> list = new ArrayList<>();
        for (long count : counts) {
            list.add(count);
        }
        return list;
    }

    private static Map<String, Object> ofTensors(WeightArchive archive) {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("kind", "tensors");
        facts.put("path", archive.path().toString());
        facts.put("container", archive.container());
        PublishedKinds.recognised(archive).ifPresent(kind -> {
            facts.put("published_kind", kind.name());
            facts.put("what", kind.title());
        });
        long numbers = 0;
        List<Map<String, Object>> tensors = new ArrayList<>();
        for (Map.Entry<String, long[]> each : archive.shapes().entrySet()) {
            Map<String, Object> tensor = new LinkedHashMap<>();
            tensor.put("name", each.getKey());
            tensor.put("dtype", archive.dtype(each.getKey()));
            tensor.put("shape", Arrays.stream(each.getValue()).boxed().toList());
            tensors.add(tensor);
            numbers += size(each.getValue());
        }
        facts.put("count", tensors.size());
        facts.put("numbers", numbers);
        if (!archive.foreign().isEmpty()) {
            facts.put("not_read", archive.foreign());
        }
        facts.put("metadata", archive.settings());
        facts.put("tensors", tensors);
        return facts;
    }

    /** The same facts for people: a line each, what lies inside indented. */
    public static String text(Map<String, Object> facts) {
        StringBuilder text = new StringBuilder();
        append(text, "", facts, "unknown");
        return text.toString();
    }

    /** @param absent what is said of that which is nothing: in a recipe, it is what the method does by itself */
    private static void append(StringBuilder text, String indent, Map<?, ?> facts, String absent) {
        int width = facts.keySet().stream()
                .mapToInt(key -> plain(key.toString()).length())
                .max()
                .orElse(0);
        facts.forEach((key, value) -> {
            String name = indent + plain(key.toString()).replace('_', ' ');
            if (value instanceof Map<?, ?> inside && !inside.isEmpty()) {
                text.append(name).append('\n');
                append(text, indent + "  ", inside, key.equals("recipe") ? "by default" : absent);
            } else if (value instanceof List<?> list && !list.isEmpty() && list.get(0) instanceof Map) {
                text.append(name).append('\n');
                list.forEach(each -> text.append(indent)
                        .append("  ")
                        .append(tensor((Map<?, ?>) each))
                        .append('\n'));
            } else {
                String padding = " ".repeat(width + indent.length() - name.length() + 2);
                String next = "\n" + " ".repeat(width + indent.length() + 2);
                text.append(name)
                        .append(padding)
                        .append(value == null ? absent : plain(value, next))
                        .append('\n');
            }
        });
    }

    private static String tensor(Map<?, ?> facts) {
        List<?> shape = (List<?>) facts.get("shape");
        long[] sizes =
                shape.stream().mapToLong(each -> ((Number) each).longValue()).toArray();
        return Phrase.of("%-4s %-20s %s").with(facts.get("dtype"), Dims.text(sizes), plain((String) facts.get("name")));
    }

    /** What a file says may have characters that move a terminal's cursor. */
    private static String plain(String text) {
        return Excerpt.of(text, LONGEST);
    }

    private static String plain(Object value, String next) {
        if (value == null) {
            return "unknown";
        }
        if (value instanceof Map<?, ?> || value instanceof List<?> list && list.isEmpty()) {
            return "none";
        }
        if (value instanceof Double number && Double.isFinite(number)) {
            return new BigDecimal(number, new MathContext(5))
                    .stripTrailingZeros()
                    .toString();
        }
        if (value instanceof Boolean truth) {
            return truth ? "yes" : "no";
        }
        if (!(value instanceof List<?> list)) {
            return plain(value.toString());
        }
        StringBuilder lines = new StringBuilder();
        int column = 0;
        for (int i = 0; i < list.size(); i++) {
            String item = plain(list.get(i), next) + (i + 1 < list.size() ? ", " : "");
            if (column > 0 && column + item.length() > SHOWN) {
                lines.append(next);
                column = 0;
            }
            lines.append(item);
            column += item.length();
        }
        return lines.toString();
    }
}
