package dev.smalti.tensor;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * The named tensors of a file that another project published, whatever container it is in. Names of tensors in dictionaries of
 * dictionaries are joined by dots, as are numbers of lists: {@code state_dict.encoder.conv_in.weight}.
 *
 * <p>Nothing in the file is executed, and what it declares is compared with its length before memory is taken.
 */
public final class WeightArchive implements AutoCloseable {
    private final Path path;
    private final String container;
    private final String sha256;
    private final Map<String, long[]> shapes;
    private final Map<String, String> settings;
    private final Function<String, Tensor> reader;
    private final AutoCloseable source;

    private WeightArchive(
            Path path,
            String container,
            String sha256,
            Map<String, long[]> shapes,
            Map<String, String> settings,
            Function<String, Tensor> reader,
            AutoCloseable source) {
        this.path = path;
        this.container = container;
        this.sha256 = sha256;
        this.shapes = shapes;
        this.settings = settings;
        this.reader = reader;
        this.source = source;
    }

    /** @throws BadFileException if there is no such file, it can't be read, or is no container that is known */
    public static WeightArchive open(Path path) {
        String sha256 = WeightFile.sha256(path, "give a file of weights");
        if (TorchFile.looksLikeOne(path)) {
            Map<String, Tensor> tensors = TorchFile.read(path);
            Map<String, long[]> shapes = new LinkedHashMap<>();
            tensors.forEach((name, tensor) -> shapes.put(name, Dims.of(tensor)));
            return new WeightArchive(path, "PyTorch", sha256, shapes, Map.of(), tensors::get, () -> {});
        }
        TensorFile file = TensorFile.open(path);
        return new WeightArchive(path, "safetensors", sha256, file.shapes(), file.metadata(), file::tensor, file);
    }

    /**
     * Tensors that are in no file, or in one of another's.
     *
     * @param path what messages call them
     * @param shapes the sizes of all, by name
     * @param reader of each, by name
     */
    public static WeightArchive of(Path path, Map<String, long[]> shapes, Function<String, Tensor> reader) {
        return new WeightArchive(path, "memory", "", new LinkedHashMap<>(shapes), Map.of(), reader, () -> {});
    }

    /** What was opened. */
    public Path path() {
        return path;
    }

    /** In words: safetensors, or PyTorch. */
    public String container() {
        return container;
    }

    /** Of the file, in hexadecimal. */
    public String sha256() {
        return sha256;
    }

    /** The sizes of all tensors, by name, in the order of the file; none for a scalar. */
    public Map<String, long[]> shapes() {
        return Collections.unmodifiableMap(shapes);
    }

    /** What the file says besides, numbers and words, by names as those of tensors. */
    public Map<String, String> settings() {
        return Collections.unmodifiableMap(settings);
    }

    /** Whether there is a tensor of this name. */
    public boolean has(String name) {
        return shapes.containsKey(name);
    }

    /**
     * The sizes of a tensor.
     *
     * @throws BadFileException if there is none of this name
     */
    public long[] shape(String name) {
        long[] shape = shapes.get(name);
        if (shape == null) {
            throw new BadFileException(path, "must hold the tensor " + Excerpt.of(name) + ", and doesn't");
        }
        return shape.clone();
    }

    /**
     * The size of a tensor along one dimension.
     *
     * @throws BadFileException if there is none of this name, or it has fewer dimensions, or that one is too long
     */
    public int size(String name, int dimension) {
        long[] shape = shape(name);
        if (shape.length <= dimension || shape[dimension] > Integer.MAX_VALUE) {
            throw new BadFileException(
                    path,
                    Phrase.of("must have a size of at most %d at place %d of the shape of %s, which is %s")
                            .with(Integer.MAX_VALUE, dimension, Excerpt.of(name), Dims.text(shape)));
        }
        return (int) shape[dimension];
    }

    /** How many tensors there are of this name with the numbers 0, 1, and so on in the place of {@code %d}. */
    public int count(String name) {
        int count = 0;
        while (has(name.replace("%d", Integer.toString(count)))) {
            count++;
        }
        return count;
    }

    /** Reads a tensor, in the type in which it is stored, to the CPU; errors as {@link #shape}'s, and of its numbers. */
    public Tensor tensor(String name) {
        shape(name);
        return reader.apply(name);
    }

    /** The tensors whose names begin so, by the rest of their names; the same file, which stays open as long as this. */
    public WeightArchive below(String prefix) {
        Map<String, long[]> part = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> {
            if (name.startsWith(prefix)) {
                part.put(name.substring(prefix.length()), shape);
            }
        });
        return new WeightArchive(path, container, sha256, part, settings, name -> reader.apply(prefix + name), source);
    }

    /** Closes the file; tensors that were read stay valid. */
    @Override
    public void close() {
        try {
            source.close();
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
