package dev.smalti.tensor;

import dev.smalti.tensor.TensorHeader.Entry;
import dev.smalti.tensor.TensorHeader.Outline;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Writes a safetensors file piece by piece: the shapes are said first, so that the header and each tensor's place are known,
 * and then rows come in any order. Memory is that of a piece, and a tensor may have any size. What comes out is, byte for
 * byte, what {@link TensorFile#write} makes of the same tensors.
 *
 * <p>The file is written in place and has its full length from the beginning, so that another writer can go on with it.
 *
 * <pre>{@code
 * TensorWriter.Shape shape = new TensorWriter.Shape(ScalarType.Short, 128, 8, 8);
 * try (TensorWriter writer = TensorWriter.create(file, Map.of("codes", shape), Map.of())) {
 *     writer.put("codes", 0, first);      // [B, 8, 8]
 *     writer.put("codes", 64, second);
 * }
 * }</pre>
 */
public final class TensorWriter implements AutoCloseable {
    private final Path file;
    private final TensorHeader header;
    private final FileChannel channel;

    /**
     * What is said of a tensor before it is there.
     *
     * @param sizes the first counts the rows
     */
    public record Shape(ScalarType type, long... sizes) {
        public Shape {
            sizes = sizes.clone();
        }

        @Override
        public long[] sizes() {
            return sizes.clone();
        }
    }

    private TensorWriter(Path file, TensorHeader header, FileChannel channel) {
        this.file = file;
        this.header = header;
        this.channel = channel;
    }

    /**
     * Makes a file whose numbers are 0 until they are put.
     *
     * @throws IllegalArgumentException naming a tensor whose type the format lacks
     * @throws UncheckedIOException naming the file and the reason, such as that it is there already
     */
    public static TensorWriter create(Path file, Map<String, Shape> shapes, Map<String, String> metadata) {
        TensorHeader header = header(shapes, metadata);
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            TensorWriter writer = new TensorWriter(file, header, channel);
            try {
                writer.write(header.encode(), 0);
                if (header.end() > header.start()) {
                    writer.write(ByteBuffer.allocate(1), header.end() - 1); // gives it its length
                }
                return writer;
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /**
     * Opens a file to go on with; its numbers stay until others are put over them.
     *
     * @throws BadFileException if the file isn't one that {@link #create} made of the same shapes and metadata
     */
    public static TensorWriter open(Path file, Map<String, Shape> shapes, Map<String, String> metadata) {
        TensorHeader header = header(shapes, metadata);
        TensorFile.open(file).close(); // is known to be whole
        try {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
            try {
                ByteBuffer wanted = header.encode();
                ByteBuffer there = ByteBuffer.allocate(wanted.remaining());
                while (there.hasRemaining() && channel.read(there, there.position()) >= 0) {
                    // on
                }
                if (!Arrays.equals(wanted.array(), there.array()) || channel.size() != header.end()) {
                    throw new BadFileException(file, "has other tensors than those to go on with");
                }
                return new TensorWriter(file, header, channel);
            } catch (IOException | RuntimeException | Error e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /**
     * Writes rows of a tensor, of any layout and on any device.
     *
     * @param first of the tensor's first dimension
     * @throws IllegalArgumentException if there is no such tensor, or it has other rows or another type
     */
    public void put(String name, long first, Tensor rows) {
        Entry entry = entry(name);
        long[] shape = entry.shape();
        long[] got = Dims.of(rows);
        boolean fits = got.length == shape.length
                && Arrays.equals(got, 1, got.length, shape, 1, shape.length)
                && ElementType.of(rows.scalar_type().intern())
                        .filter(entry.type()::equals)
                        .isPresent();
        if (!fits || first < 0 || got[0] > shape[0] - first) {
            throw new IllegalArgumentException(Phrase.of("tensor %s is %s %s, got %s %s for its rows from %d on")
                    .with(
                            name,
                            entry.type(),
                            Dims.text(shape),
                            rows.scalar_type().intern(),
                            Dims.text(got),
                            first));
        }
        Scope.free(() -> {
            try {
                long position = header.start() + entry.begin() + first * (shape[0] == 0 ? 0 : entry.bytes() / shape[0]);
                for (ByteBuffer piece : TensorBytes.of(rows.detach().cpu().contiguous())) {
                    position = write(piece, position);
                }
            } catch (IOException e) {
                throw failure(file, e);
            }
        });
    }

    /** Writes as many rows as the tensor has, from another file's tensor of the same name, type and size of rows. */
    public void copy(String name, Path from) {
        Entry entry = entry(name);
        try (FileChannel source = FileChannel.open(from, StandardOpenOption.READ)) {
            TensorHeader other = TensorHeaderReader.read(from, source);
            Entry given = other.entries().get(name);
            if (given == null || given.type() != entry.type() || given.bytes() < entry.bytes()) {
                throw new BadFileException(from, "has no rows for tensor " + name + " of " + file);
            }
            long position = other.start() + given.begin();
            long left = entry.bytes();
            channel.position(header.start() + entry.begin());
            while (left > 0) {
                long done = source.transferTo(position, left, channel);
                if (done <= 0) {
                    throw new BadFileException(
                            from,
                            Phrase.of("tensor %s was cut off while it was read").with(name));
                }
                position += done;
                left -= done;
            }
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    /** Waits until all that was put is on the disk. */
    public void force() {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failure(file, e);
        }
    }

    private static TensorHeader header(Map<String, Shape> shapes, Map<String, String> metadata) {
        Map<String, Outline> outlines = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> outlines.put(name, Outline.of(name, shape.type(), shape.sizes())));
        return TensorHeader.ofOutlines(outlines, metadata);
    }

    private Entry entry(String name) {
        Entry entry = header.entries().get(name);
        if (entry == null || entry.shape().length == 0) {
            throw new IllegalArgumentException(Phrase.of("%s has no tensor %s with rows, but %s")
                    .with(file, name, header.entries().keySet()));
        }
        return entry;
    }

    private long write(ByteBuffer buffer, long from) throws IOException {
        long position = from;
        while (buffer.hasRemaining()) {
            position += channel.write(buffer, position);
        }
        return position;
    }

    private static UncheckedIOException failure(Path file, IOException e) {
        return new UncheckedIOException(Phrase.of("cannot write %s: %s").with(file, AtomicFile.reason(e)), e);
    }
}
