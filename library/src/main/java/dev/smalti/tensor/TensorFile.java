package dev.smalti.tensor;

import dev.smalti.tensor.TensorHeader.Entry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Named tensors in a file, in the <a href="https://github.com/huggingface/safetensors">safetensors</a> format: 8 bytes
 * with the length of a JSON header, the header, and the tensors' bytes, row by row and little-endian.
 *
 * <p>Opening reads and checks the header only; each tensor is read when it is asked for, straight into memory of its
 * own, so tensors outlive the file and a file may be larger than the memory. Several threads may read one file.
 *
 * <pre>{@code
 * TensorFile.write(file, Map.of("codes", codes), Map.of("codebook_size", "1024"));
 * try (TensorFile weights = TensorFile.open(file)) {
 *     Tensor codes = weights.tensor("codes");
 * }
 * }</pre>
 */
public final class TensorFile implements AutoCloseable {
    static {
        Native.load();
    }

    private static final int SEARCHED = 10_000; // the most names that are compared with one that is missing

    private final Path file;
    private final FileChannel channel;
    private final TensorHeader header;

    private TensorFile(Path file, FileChannel channel, TensorHeader header) {
        this.file = file;
        this.channel = channel;
        this.header = header;
    }

    /**
     * Opens a file and checks its header: every tensor is then known to lie within the file, to have the size that its
     * shape and type say, and to share no byte with another.
     *
     * @throws BadFileException naming the file, the tensor, the rule and the value if the file is missing or breaks one
     */
    public static TensorFile open(Path file) {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            String kind = Files.isDirectory(file) ? "folder" : "device";
            throw new BadFileException(file, "must be a safetensors file, is a " + kind);
        }
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
            try {
                return new TensorFile(file, channel, TensorHeaderReader.read(file, channel));
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw new BadFileException(file, "cannot be read: " + AtomicFile.reason(e), e);
        }
    }

    /**
     * Writes {@code tensors}, of any layout and on any device, the widest type first and then by name. The file appears
     * when it is complete: it is written under another name in the same folder and then renamed.
     *
     * @throws IllegalArgumentException naming a tensor that is undefined or whose type the format lacks
     * @throws UncheckedIOException naming the file and the reason; what was there before is still there
     */
    public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) {
        TensorHeader header = TensorHeader.of(tensors, metadata);
        AtomicFile.write(file, channel -> {
            writeAll(channel, header.encode());
            for (String name : header.entries().keySet()) {
                Scope.free(() -> append(channel, tensors.get(name)));
            }
        });
    }

    /** The header's free strings; empty if there are none. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(header.metadata());
    }

    /** The tensors' names, in the order of the header. */
    public Set<String> names() {
        return Collections.unmodifiableSet(header.entries().keySet());
    }

    /** The sizes of a tensor; none for a scalar. */
    public long[] shape(String name) {
        return entry(name).shape().clone();
    }

    /** The sizes of all tensors, by name, in the order of the header. */
    public Map<String, long[]> shapes() {
        Map<String, long[]> shapes = new LinkedHashMap<>();
        names().forEach(name -> shapes.put(name, shape(name)));
        return shapes;
    }

    /** The type of a tensor as the format calls it: F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, U64, U32 or U16. */
    public String dtype(String name) {
        return entry(name).type().name();
    }

    /**
     * Reads a tensor, in the type in which it is stored, to the CPU; U16 as int32, U32 and U64 as int64.
     *
     * @throws BadFileException listing the nearest names if there is none of this name, or if a number is 2^63 or more
     * @throws IllegalStateException if the file was closed
     */
    public Tensor tensor(String name) {
        Entry entry = entry(name);
        return filled(name, entry, entry.shape(), tensor -> read(name, header.start() + entry.begin(), tensor));
    }

    /** Reads a tensor and converts it to {@code dtype}. */
    public Tensor tensor(String name, ScalarType dtype) {
        return Scope.keep(() -> tensor(name).to(dtype));
    }

    /**
     * Reads rows of a tensor, those of its first dimension, and no more than these.
     *
     * @param which rows from 0 on, in any order and as often as wanted, B
     * @return in the type in which it is stored, [B, ...], on the CPU
     * @throws IndexOutOfBoundsException naming a row that the tensor doesn't have
     */
    public Tensor select(String name, long... which) {
        Entry entry = entry(name);
        long rows = height(name, entry);
        for (long row : which) {
            if (row < 0 || row >= rows) {
                throw new IndexOutOfBoundsException(Phrase.of("row must be from 0 to %d of tensor %s of %s, got %d")
                        .with(rows - 1, name, file, row));
            }
        }
        return filled(name, entry, rows(entry, which.length), tensor -> {
            long bytes = rows == 0 ? 0 : entry.bytes() / rows;
            List<ByteBuffer> memory = TensorBytes.of(tensor);
            for (int i = 0, next; i < which.length; i = next) {
                next = i + 1;
                while (next < which.length && which[next] == which[next - 1] + 1) {
                    next++; // those that follow one another are read together
                }
                long position = header.start() + entry.begin() + which[i] * bytes;
                if (memory.size() == 1) {
                    read(
                            name,
                            position,
                            memory.get(0).limit((int) (next * bytes)).position((int) (i * bytes)));
                } else {
                    read(name, position, tensor.narrow(0, i, next - i));
                }
            }
        });
    }

    /** The same of {@code count} rows that follow one another. */
    public Tensor rows(String name, long from, long count) {
        Entry entry = entry(name);
        long rows = height(name, entry);
        if (from < 0 || count < 0 || count > rows - from) {
            throw new IndexOutOfBoundsException(
                    Phrase.of("rows must be from 0 to %d of tensor %s of %s, got %d and %d behind it")
                            .with(rows - 1, name, file, from, count - 1));
        }
        long bytes = rows == 0 ? 0 : entry.bytes() / rows;
        return filled(
                name,
                entry,
                rows(entry, count),
                tensor -> read(name, header.start() + entry.begin() + from * bytes, tensor));
    }

    /** Reads all tensors, in the order of {@link #names}. */
    public Map<String, Tensor> tensors() {
        return Scope.keep(() -> {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            names().forEach(name -> tensors.put(name, tensor(name)));
            return tensors;
        });
    }

    /** Closes the file; tensors that were read stay valid. */
    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("cannot close %s: %s").with(file, AtomicFile.reason(e)), e);
        }
    }

    private Entry entry(String name) {
        Entry entry = header.entries().get(name);
        if (entry == null) {
            List<String> near = near(name);
            throw new BadFileException(
                    file,
                    Phrase.of("there is no tensor %s; %s")
                            .with(Excerpt.of(name), near.isEmpty() ? "the file has none" : "near it are " + near));
        }
        return entry;
    }

    private long height(String name, Entry entry) {
        if (entry.shape().length == 0) {
            throw new BadFileException(
                    file, Phrase.of("tensor %s is one number and has no rows").with(name));
        }
        return entry.shape()[0];
    }

    private static long[] rows(Entry entry, long count) {
        long[] shape = entry.shape().clone();
        shape[0] = count;
        return shape;
    }

    private Tensor filled(String name, Entry entry, long[] shape, Consumer<Tensor> body) {
        return Scope.keep(() -> {
            ElementType type = entry.type();
            Tensor bits = torch.empty(shape, new TensorOptions(type.raw()), new MemoryFormatOptional());
            body.accept(bits);
            try {
                return type.value(bits);
            } catch (IllegalArgumentException e) {
                throw new BadFileException(
                        file, Phrase.of("tensor %s %s").with(Excerpt.brief(name), e.getMessage()), e);
            }
        });
    }

    private void read(String name, long from, Tensor tensor) {
        long position = from;
        for (ByteBuffer piece : TensorBytes.of(tensor)) {
            position = read(name, position, piece);
        }
    }

    /** @return where what was read ends */
    private long read(String name, long from, ByteBuffer memory) {
        long position = from;
        try {
            while (memory.hasRemaining()) {
                Stopping.check();
                int read = channel.read(memory, position);
                if (read < 0) {
                    throw new BadFileException(
                            file,
                            Phrase.of("tensor %s was cut off while it was read").with(name));
                }
                position += read;
            }
            return position;
        } catch (ClosedChannelException e) {
            throw new IllegalStateException(
                    Phrase.of("%s was closed before tensor %s was read").with(file, name), e);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    Phrase.of("cannot read tensor %s of %s: %s").with(name, file, AtomicFile.reason(e)), e);
        }
    }

    private static void append(FileChannel channel, Tensor tensor) {
        try {
            for (ByteBuffer piece : TensorBytes.of(tensor.detach().cpu().contiguous())) {
                writeAll(channel, piece);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void writeAll(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    private List<String> near(String name) {
        List<String> candidates = names().stream()
                .limit(SEARCHED)
                .filter(each -> each.length() <= Excerpt.LONGEST)
                .toList();
        Map<String, Integer> distances =
                candidates.stream().collect(Collectors.toMap(Function.identity(), each -> EditDistance.of(each, name)));
        return candidates.stream()
                .sorted(Comparator.comparing(distances::get))
                .limit(3)
                .map(Excerpt::of)
                .toList();
    }
}
