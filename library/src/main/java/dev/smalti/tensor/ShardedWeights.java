package dev.smalti.tensor;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.bytedeco.pytorch.Tensor;

/**
 * Weights in several files of one folder, as Hugging Face publishes large ones: {@code model-00001-of-00003.safetensors} and so on,
 * and an index that says which tensor is in which.
 */
final class ShardedWeights implements WeightSource {
    private static final int MOST_FILES = 1_000;

    private final Map<Path, WeightSource> sources; // by file, in the order of their names
    private final Map<String, WeightSource> places = new LinkedHashMap<>(); // of tensors

    private ShardedWeights(Map<Path, WeightSource> sources) {
        this.sources = sources;
        sources.forEach((file, source) -> source.shapes().keySet().forEach(name -> {
            if (places.putIfAbsent(name, source) != null) {
                throw new BadFileException(
                        file, "has the tensor " + Excerpt.of(name) + ", which another file beside it has, too");
            }
        }));
    }

    /** @throws BadFileException naming a file that isn't there, or can't be read, or repeats a tensor */
    static ShardedWeights open(List<Path> files) {
        Map<Path, WeightSource> sources = new TreeMap<>();
        try {
            for (Path file : files) {
                sources.put(file, WeightFiles.openOne(file));
            }
            return new ShardedWeights(sources);
        } catch (RuntimeException | Error e) {
            sources.values().forEach(WeightSource::close);
            throw e;
        }
    }

    /**
     * The files that an index names.
     *
     * @throws BadFileException if it names one that isn't beside it, or if a tensor isn't where it says
     */
    static ShardedWeights ofIndex(Path index) {
        Map<String, String> map = map(index);
        List<Path> files = new ArrayList<>();
        for (String name : new TreeSet<>(map.values())) {
            Path file = index.resolveSibling(name);
            if (!Files.isRegularFile(file)) {
                throw new BadFileException(
                        index, "names the file " + Excerpt.of(name) + ", which isn't beside it; download it too");
            }
            files.add(file);
        }
        ShardedWeights weights = open(files);
        try {
            weights.compare(index, map);
            return weights;
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    private static Map<String, String> map(Path index) {
        JsonNode map = JsonFile.read(index).path("weight_map");
        if (!map.isObject() || map.isEmpty()) {
            throw new BadFileException(index, "must have a weight_map with the file of each tensor, has none");
        }
        Map<String, String> names = new LinkedHashMap<>();
        map.properties().forEach(each -> names.put(each.getKey(), plain(index, each.getValue())));
        long files = names.values().stream().distinct().count();
        if (files > MOST_FILES) {
            throw new BadFileException(
                    index, Phrase.of("must name at most %,d files, names %,d").with(MOST_FILES, files));
        }
        return names;
    }

    private static String plain(Path index, JsonNode value) {
        String name = value.asText();
        if (!value.isTextual() || !name.matches("[\\w-][\\w.-]*")) {
            throw new BadFileException(
                    index,
                    "must name files of its own folder by letters, digits, dots, - and _, got "
                            + Excerpt.of(value.toString()));
        }
        return name;
    }

    private void compare(Path index, Map<String, String> map) {
        map.forEach((tensor, name) -> {
            WeightSource source = places.get(tensor);
            if (source == null || source != sources.get(index.resolveSibling(name))) {
                throw new BadFileException(
                        index,
                        "says that " + Excerpt.of(name) + " has the tensor " + Excerpt.of(tensor) + ", and it hasn't");
            }
        });
        for (String tensor : places.keySet()) {
            if (!map.containsKey(tensor)) {
                throw new BadFileException(
                        index, "doesn't name the tensor " + Excerpt.of(tensor) + ", which is in one of its files");
            }
        }
    }

    @Override
    public String container() {
        String form = sources.values().iterator().next().container();
        return Phrase.of("%s in %d files").with(form, sources.size());
    }

    @Override
    public List<Path> files() {
        return List.copyOf(sources.keySet());
    }

    @Override
    public Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        sources.values().forEach(source -> shapes.putAll(source.shapes()));
        return shapes;
    }

    @Override
    public String dtype(String name) {
        return places.get(name).dtype(name);
    }

    @Override
    public Map<String, String> settings() {
        Map<String, String> settings = new LinkedHashMap<>();
        sources.values().forEach(source -> source.settings().forEach(settings::putIfAbsent));
        return settings;
    }

    @Override
    public Map<String, String> others() {
        Map<String, String> others = new LinkedHashMap<>();
        sources.values().forEach(source -> source.others().forEach(others::putIfAbsent));
        return others;
    }

    @Override
    public Map<String, Integer> foreign() {
        Map<String, Integer> foreign = new LinkedHashMap<>();
        sources.values()
                .forEach(source -> source.foreign().forEach((name, count) -> foreign.merge(name, count, Integer::sum)));
        return foreign;
    }

    @Override
    public Tensor tensor(String name) {
        return places.get(name).tensor(name);
    }

    @Override
    public void close() {
        sources.values().forEach(WeightSource::close);
    }
}
