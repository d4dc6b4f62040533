package dev.smalti.tensor;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Which files hold the weights that are meant by a path: one, or those of a folder as Hugging Face lays them out. */
final class WeightFiles {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int MOST_FILES = 10_000; // of a folder, that are looked at
    private static final String INDEX = ".index.json";
    private static final List<String> USUAL = List.of(
            "model.safetensors",
            "diffusion_pytorch_model.safetensors",
            "pytorch_model.bin",
            "diffusion_pytorch_model.bin",
            "flax_model.msgpack",
            "diffusion_flax_model.msgpack");
    private static final List<String> ENDINGS = // the safer first
            List.of(".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".th", ".msgpack");
    private static final Set<String> NO_WEIGHTS =
            Set.of("training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt");
    private static final Pattern PART = Pattern.compile("(.+)-\\d{5}-of-(\\d{5})(\\.\\w+)");

    private WeightFiles() {}

    /**
     * Opens a file, the index of several, or a folder with one or the other.
     *
     * @throws BadFileException if there is none, or if it can't be told which is meant
     */
    static WeightSource open(Path path) {
        if (Files.isDirectory(path)) {
            return openFolder(path);
        }
        if (!Files.isRegularFile(path)) {
            throw new BadFileException(path, "there is no such file; give a file of weights");
        }
        return path.toString().endsWith(INDEX) ? ShardedWeights.ofIndex(path) : openOne(path);
    }

    static WeightSource openOne(Path file) {
        return switch (WeightFormat.of(file)) {
            case PYTORCH -> TorchWeights.open(file);
            case SAFETENSORS -> SafetensorsWeights.open(file);
            case FLAX -> FlaxWeights.open(file);
        };
    }

    /** Plain values of the config.json that is published with weights, by their names joined with dots; empty without one. */
    static Map<String, String> settings(Path path) {
        Path name = path.getFileName();
        boolean usual = name != null
                && (USUAL.contains(name.toString()) || name.toString().endsWith(INDEX));
        Path file = Files.isDirectory(path) ? path.resolve("config.json") : path.resolveSibling("config.json");
        if (!Files.isRegularFile(file) || !(usual || Files.isDirectory(path))) {
            return Map.of(); // beside a file of another name it may be of something else
        }
        Map<String, Object> tree = JSON.convertValue(JsonFile.read(file), new TypeReference<>() {});
        return Flattening.of(file, tree, Unpickler.View.class, JsonFile.LARGEST).settings();
    }

    static boolean isFolder(Path path) {
        if (!Files.isDirectory(path)) {
            return false;
        }
        List<String> names = names(path);
        return !names.contains("model.json")
                && names.stream()
                        .anyMatch(
                                name -> name.endsWith(INDEX) || ENDINGS.stream().anyMatch(name::endsWith));
    }

    private static WeightSource openFolder(Path folder) {
        List<String> names = names(folder);
        if (names.contains("model.json")) {
            throw new BadFileException(folder, "is a run folder, and no weights that another project published");
        }
        for (String usual : USUAL) {
            if (names.contains(usual + INDEX)) {
                return ShardedWeights.ofIndex(folder.resolve(usual + INDEX));
            }
            if (names.contains(usual)) {
                return openOne(folder.resolve(usual));
            }
        }
        List<String> indices =
                names.stream().filter(name -> name.endsWith(INDEX)).toList();
        if (indices.size() == 1) {
            return ShardedWeights.ofIndex(folder.resolve(indices.get(0)));
        }
        for (String ending : ENDINGS) {
            List<String> candidates = names.stream()
                    .filter(name -> name.endsWith(ending) && !NO_WEIGHTS.contains(name))
                    .toList();
            if (candidates.size() == 1) {
                return openOne(folder.resolve(candidates.get(0)));
            }
            if (candidates.size() > 1) {
                return openParts(folder, candidates);
            }
        }
        throw new BadFileException(
                folder,
                "must hold weights (such as " + USUAL.get(0) + " or " + USUAL.get(2) + "), holds "
                        + (names.isEmpty()
                                ? "no files"
                                : Phrase.of("%d other files").with(names.size())));
    }

    private static List<String> names(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.limit(MOST_FILES)
                    .filter(Files::isRegularFile)
                    .map(file -> file.getFileName().toString())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new BadFileException(folder, "cannot be read: " + AtomicFile.reason(e), e);
        }
    }

    /** Numbered parts of one whole, whose index is missing. */
    private static WeightSource openParts(Path folder, List<String> candidates) {
        List<Path> files = new ArrayList<>();
        String whole = null;
        for (String name : candidates) {
            Matcher part = PART.matcher(name);
            String of = part.matches() ? part.group(1) + part.group(2) + part.group(3) : name;
            if (!part.matches() || (whole != null && !whole.equals(of))) {
                throw new BadFileException(
                        folder,
                        "must hold one file of weights, holds "
                                + Excerpt.of(String.join(
                                        ", ", candidates.stream().limit(5).toList()))
                                + "; give the one that is meant");
            }
            whole = of;
            files.add(folder.resolve(name));
        }
        Matcher last = PART.matcher(candidates.get(candidates.size() - 1));
        if (last.matches() && Integer.parseInt(last.group(2)) != files.size()) {
            throw new BadFileException(
                    folder,
                    Phrase.of("must hold all %s parts of its weights, holds %d; download the others too")
                            .with(last.group(2).replaceFirst("^0+(?=.)", ""), files.size()));
        }
        return ShardedWeights.open(files);
    }
}
