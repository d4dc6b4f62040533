package dev.smalti.data;

import dev.smalti.tensor.Capacity;
import dev.smalti.tensor.Phrase;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/** Bytes at any place, for many threads. */
interface Bytes extends AutoCloseable {
    /** The largest array that Java has for sure. */
    int MOST_IN_MEMORY = Integer.MAX_VALUE - 8;

    long size();

    /** @throws EOFException if they end before */
    byte[] read(long at, int length) throws IOException;

    @Override
    void close();

    /** A file, read where it lies. */
    static Bytes of(Path file) throws IOException {
        return new OnDisk(FileChannel.open(file));
    }

    /** The first bytes of a file, unpacked if its name ends in {@code .gz}; fewer if it ends before. */
    static byte[] start(Path file, int most) throws IOException {
        try (InputStream stream = packed(file) ? unpacked(file) : Files.newInputStream(file)) {
            return stream.readNBytes(most);
        }
    }

    /**
     * A file that should have {@code length} bytes: read where it lies, or unpacked in memory if its name ends in {@code .gz}, by
     * one byte more at most, which shows that it has more.
     *
     * @throws EOFException if so many can't be in it
     */
    static Bytes of(Path file, long length) throws IOException {
        if (!packed(file)) {
            return of(file);
        }
        Capacity capacity = Capacity.deflated(Files.size(file));
        capacity.check("its header", length);
        if (length >= MOST_IN_MEMORY) {
            throw new IOException("unpacked it has more than 2 GiB: unpack it with gunzip first");
        }
        try (InputStream stream = unpacked(file)) {
            byte[] bytes = new byte[(int) length + 1];
            return new InMemory(bytes, stream.readNBytes(bytes, 0, bytes.length));
        }
    }

    private static InputStream unpacked(Path file) throws IOException {
        return new GZIPInputStream(Files.newInputStream(file), 1 << 16);
    }

    private static boolean packed(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(".gz");
    }

    record OnDisk(FileChannel channel) implements Bytes {
        @Override
        public long size() {
            try {
                return channel.size();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public byte[] read(long at, int length) throws IOException {
            ByteBuffer buffer = ByteBuffer.allocate(length);
            while (buffer.hasRemaining()) {
                if (channel.read(buffer, at + buffer.position()) < 0) {
                    throw new EOFException(Phrase.of("it ends at byte %,d").with(at + buffer.position()));
                }
            }
            return buffer.array();
        }

        @Override
        public void close() {
            try {
                channel.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** @param length of them that count */
    record InMemory(byte[] bytes, int length) implements Bytes {
        InMemory(byte[] bytes) {
            this(bytes, bytes.length);
        }

        @Override
        public long size() {
            return length;
        }

        @Override
        public byte[] read(long at, int length) throws IOException {
            if (at + length > size()) {
                throw new EOFException(Phrase.of("it ends at byte %,d").with(size()));
            }
            return Arrays.copyOfRange(bytes, (int) at, (int) at + length);
        }

        @Override
        public void close() {}
    }

    /** One after another; nothing is read across a border. */
    record Joined(List<Bytes> parts) implements Bytes {
        @Override
        public long size() {
            return parts.stream().mapToLong(Bytes::size).sum();
        }

        @Override
        public byte[] read(long at, int length) throws IOException {
            long start = 0;
            for (Bytes part : parts) {
                if (at < start + part.size()) {
                    return part.read(at - start, length);
                }
                start += part.size();
            }
            throw new EOFException(Phrase.of("it ends at byte %,d").with(start));
        }

        @Override
        public void close() {
            parts.forEach(Bytes::close);
        }
    }
}
