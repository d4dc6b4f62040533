package dev.smalti.tensor;

import dev.smalti.tensor.Unpickler.Language;
import dev.smalti.tensor.Unpickler.Storage;
import dev.smalti.tensor.Unpickler.Unpickled;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The form before PyTorch 1.6: five pickles (magic number, version, system, what was saved, keys of storages), then in the order of
 * the keys the storages, each behind its count of numbers.
 */
final class TorchLegacy implements TorchContainer {
    private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final long PROTOCOL = 1001;

    private final Path file;
    private final FileChannel channel;
    private final long length;
    private long position; // behind what was read
    private Unpickled pickled;
    private final Map<String, Long> begins = new HashMap<>(); // of storages, by key

    private TorchLegacy(Path file, FileChannel channel) throws IOException {
        this.file = file;
        this.channel = channel;
        this.length = channel.size();
    }

    static TorchLegacy open(Path file, Language language) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            TorchLegacy container = new TorchLegacy(file, channel);
            container.walk(language);
            return container;
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    private void walk(Language language) throws IOException {
        DataInputStream in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)));
        if (!MAGIC.equals(next(in, language)) || !Long.valueOf(PROTOCOL).equals(next(in, language))) {
            throw new BadFileException(file, "must begin as PyTorch's files do");
        }
        if (!(next(in, language) instanceof Map<?, ?> system) || !Boolean.TRUE.equals(system.get("little_endian"))) {
            throw new BadFileException(file, "must have bytes in little-endian order");
        }
        next(in, language);
        Unpickled state = pickled;
        if (!(next(in, language) instanceof List<?> keys)) {
            throw new BadFileException(file, "must list its storages");
        }
        pickled = state;
        for (Object key : keys) {
            find(key instanceof String name ? state.storages().get(name) : null);
        }
    }

    private Object next(DataInputStream in, Language language) throws IOException {
        pickled = Unpickler.read(file, in, length - position, language);
        position += pickled.bytes();
        return pickled.root();
    }

    /** The storage that lies at the position; null for one that the pickle doesn't describe. */
    private void find(Storage storage) throws IOException {
        ByteBuffer count = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        FileBytes.read(channel, position, List.of(count));
        if (storage == null || storage.count() != count.getLong(0) || begins.containsKey(storage.key())) {
            throw new BadFileException(file, "has a storage that its pickle doesn't describe");
        }
        position += 8;
        begins.put(storage.key(), position);
        if (storage.count() < 0 || storage.count() > (length - position) / storage.width()) {
            throw new EOFException();
        }
        position += storage.count() * storage.width();
    }

    @Override
    public String name() {
        return "PyTorch before 1.6";
    }

    @Override
    public Unpickled pickled() {
        return pickled;
    }

    @Override
    public void check(Storage storage) {
        if (!begins.containsKey(storage.key())) {
            throw new BadFileException(file, "lacks its storage " + Excerpt.of(storage.key()));
        }
    }

    @Override
    public void read(Storage storage, long from, List<ByteBuffer> memory) throws IOException {
        FileBytes.read(channel, begins.get(storage.key()) + from, memory);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
