package dev.smalti.tensor;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/**
 * The named tensors of a file that another project published, whatever container it is in: what PyTorch saved (as a zip, or in the
 * form before 1.6), safetensors, msgpack of flax, or a folder of these as Hugging Face lays it out. Names of tensors in dictionaries
 * of dictionaries are joined by dots, as are numbers of lists: {@code state_dict.encoder.conv_in.weight}.
 *
 * <p>Nothing in the file is executed, and what it declares is compared with its length before memory is taken. Names and sizes are
 * read when it is opened, and the numbers of a tensor each time when they are asked for.
 */
public final class WeightArchive implements AutoCloseable {
    private static final int MOST_SHARING = 4;

    private final Path path;
    private final WeightSource source;
    private final String prefix; // of the source's names, which those here lack
    private final Map<String, long[]> shapes;
    private final Map<String, String> settings;

    private WeightArchive(
            Path path, WeightSource source, String prefix, Map<String, long[]> shapes, Map<String, String> settings) {
        this.path = path;
        this.source = source;
        this.prefix = prefix;
        this.shapes = shapes;
        this.settings = settings;
    }

    /**
     * Opens a file, the index of several ({@code *.index.json}), or a folder with one or the other.
     *
     * @throws BadFileException if there is none, it can't be read, or is no container that is known
     */
    public static WeightArchive open(Path path) {
        Map<String, String> settings = new LinkedHashMap<>(WeightFiles.settings(path));
        WeightSource source = WeightFiles.open(path);
        source.settings().forEach(settings::putIfAbsent);
        return new WeightArchive(path, source, "", source.shapes(), settings);
    }

    /** Whether it is a folder with files that are named as weights are, and no run folder. Says nothing on whether they can be read. */
    public static boolean isFolder(Path path) {
        return WeightFiles.isFolder(path);
    }

    /**
     * Tensors that are in no file, or in one of another's.
     *
     * @param path what messages call them
     * @param shapes the sizes of all, by name
     * @param reader of each, by name
     */
    public static WeightArchive of(Path path, Map<String, long[]> shapes, Function<String, Tensor> reader) {
        return new WeightArchive(path, new Elsewhere(shapes, reader), "", shapes, Map.of());
    }

    /** What was opened. */
    public Path path() {
        return path;
    }

    /** In words: {@code PyTorch}, {@code PyTorch before 1.6}, {@code safetensors}, {@code msgpack of flax}, or some files of one. */
    public String container() {
        return source.container();
    }

    /**
     * Of the file, in hexadecimal. Of several files it is that of theirs, in hexadecimal and in the order of the files' names, one
     * behind the other. Reads them all.
     */
    public String sha256() {
        List<Path> files = source.files();
        if (files.size() == 1) {
            return WeightFile.sha256(files.get(0), "it was removed");
        }
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (Path file : files) {
                digest.update(WeightFile.sha256(file, "it was removed").getBytes(StandardCharsets.US_ASCII));
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** The sizes of all tensors, by name, in the order of the file; none for a scalar. */
    public Map<String, long[]> shapes() {
        return Collections.unmodifiableMap(shapes);
    }

    /**
     * What the file says besides, numbers, words and truths, by names as those of tensors: of a trainer's checkpoint, of the
     * metadata of safetensors, and of the config.json of a folder. Long texts and the rest of long lists are left out.
     */
    public Map<String, String> settings() {
        return Collections.unmodifiableMap(settings);
    }

    /** How many things lie in the file that are neither tensors nor plain values, by their class; they were not made. */
    public Map<String, Integer> foreign() {
        return Collections.unmodifiableMap(source.foreign());
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
            String other = source.others().get(prefix + name);
            throw new BadFileException(
                    path,
                    "must hold the tensor " + Excerpt.of(name)
                            + (other == null ? ", and doesn't" : ", and has under that name " + Excerpt.of(other)));
        }
        return shape.clone();
    }

    /**
     * The size of a tensor along one dimension.
     *
     * @return at least 1
     * @throws BadFileException if there is none of this name, or it has fewer dimensions, or that one is 0 or too long
     */
    public int size(String name, int dimension) {
        long[] shape = shape(name);
        if (shape.length <= dimension || shape[dimension] < 1 || shape[dimension] > Integer.MAX_VALUE) {
            throw new BadFileException(
                    path,
                    Phrase.of("must have a size of 1 to %d at place %d of the shape of %s, which is %s")
                            .with(Integer.MAX_VALUE, dimension, Excerpt.of(name), Dims.text(shape)));
        }
        return (int) shape[dimension];
    }

    /**
     * The length of a list of numbers.
     *
     * @return from 1 to {@code most}
     * @throws BadFileException if there is none of this name, or it has other dimensions, or is empty or longer
     */
    public int length(String name, int most) {
        long[] shape = shape(name);
        if (shape.length != 1 || shape[0] < 1 || shape[0] > most) {
            throw new BadFileException(
                    path,
                    Phrase.of("must have a list of 1 to %d numbers as %s, has shape %s")
                            .with(most, Excerpt.of(name), Dims.text(shape)));
        }
        return (int) shape[0];
    }

    /** The type of a tensor as safetensors calls it, such as F32 or BF16; errors as {@link #shape}'s. */
    public String dtype(String name) {
        shape(name);
        return source.dtype(prefix + name);
    }

    /** How many tensors there are of this name with the numbers 0, 1, and so on in the place of {@code %d}. */
    public int count(String name) {
        int count = 0;
        while (has(name.replace("%d", Integer.toString(count)))) {
            count++;
        }
        return count;
    }

    /**
     * Makes sure that the numbers of some tensors, all of them together, lie in the file, so that to read them takes memory by its
     * length. Some may share theirs, as a tied head does with a table; so many can't that they take {@value #MOST_SHARING} times
     * what there is.
     *
     * @param names of tensors that are there, each as often as it is read
     * @throws BadFileException if they take more
     */
    public void checkHeld(Collection<String> names) {
        long there = 0;
        for (Path each : source.files()) {
            there += each.toFile().length();
        }
        long wanted = 0;
        for (String name : names) {
            wanted += bytes(name);
            if (!source.files().isEmpty() && wanted / MOST_SHARING > there) {
                throw new BadFileException(
                        path,
                        Phrase.of(
                                        "must hold the numbers of its tensors, has %,d bytes, and those up to %s would take more than"
                                                + " %d times as many, since they share them")
                                .with(there, Excerpt.of(name), MOST_SHARING));
            }
        }
    }

    /** Of the numbers of a tensor; none of them alone takes more than its file has. */
    private long bytes(String name) {
        long[] shape = shape(name);
        if (Arrays.stream(shape).anyMatch(size -> size == 0)) {
            return 0; // whatever the others are
        }
        return Arrays.stream(shape).reduce(ElementType.valueOf(dtype(name)).bytes, Math::multiplyExact);
    }

    /** Reads a tensor, in the type in which it is stored, to the CPU; errors as {@link #shape}'s, and of its numbers. */
    public Tensor tensor(String name) {
        shape(name);
        return source.tensor(prefix + name);
    }

    /** The tensors whose names begin so, by the rest of their names; the same file, which stays open as long as this. */
    public WeightArchive below(String prefix) {
        Map<String, long[]> part = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> {
            if (name.startsWith(prefix)) {
                part.put(name.substring(prefix.length()), shape);
            }
        });
        return new WeightArchive(path, source, this.prefix + prefix, part, settings);
    }

    /** Closes the file; tensors that were read stay valid. */
    @Override
    public void close() {
        source.close();
    }

    /** Tensors that are in no file. */
    private record Elsewhere(Map<String, long[]> shapes, Function<String, Tensor> reader) implements WeightSource {
        @Override
        public String container() {
            return "no file";
        }

        @Override
        public List<Path> files() {
            return List.of();
        }

        @Override
        public String dtype(String name) {
            return ElementType.F32.name();
        }

        @Override
        public Map<String, String> settings() {
            return Map.of();
        }

        @Override
        public Tensor tensor(String name) {
            return reader.apply(name);
        }

        @Override
        public void close() {}
    }
}
