package dev.smalti.tensor;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * A state dict that PyTorch saved ({@code .pth}, {@code .pt}), in the zip of version 1.6 and later or the pickles of
 * before. Nothing in the file is executed: its pickle is interpreted for the tensors' shapes alone, by a list of what it
 * may say (see {@link Unpickler}), and no more memory is taken than the file is long, beside
 * what describes the tensors: a fixed multiple of the pickle, of which 4 MiB are read at most.
 */
public final class TorchFile {
    static {
        Native.load();
    }

    private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
    private static final long PROTOCOL = 1001;
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    private static final byte[] LEGACY = {(byte) 0x80, 2, (byte) 0x8a, 10};

    private final Path file;
    private final long length;
    private final Map<String, Tensor> storages = new LinkedHashMap<>(); // by key; each a row of numbers
    private long taken;

    private TorchFile(Path file, long length) {
        this.file = file;
        this.length = length;
    }

    /** Whether the file begins as PyTorch's do. Says nothing on whether it can be read. */
    public static boolean looksLikeOne(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] start = in.readNBytes(9);
            boolean tensors = start.length == 9 && start[8] == '{'; // of safetensors, behind a length
            byte[] first = Arrays.copyOf(start, 4);
            return !tensors && (Arrays.equals(first, ZIP) || Arrays.equals(first, LEGACY));
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * The tensors by name, in the order of the file, on the CPU. Several may share memory.
     *
     * @throws BadFileException naming the file and what is wrong, or isn't allowed, in it
     */
    public static Map<String, Tensor> read(Path file) {
        try {
            TorchFile reader = new TorchFile(file, Files.size(file));
            return Scope.keep(() -> {
                try {
                    return looksLikeZip(file) ? reader.zip() : reader.legacy();
                } catch (IOException e) {
                    throw unreadable(file, e);
                }
            });
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    private static BadFileException unreadable(Path file, IOException e) {
        String problem = e instanceof EOFException ? "is cut off" : "cannot be read: " + AtomicFile.reason(e);
        return new BadFileException(file, problem, e);
    }

    private static boolean looksLikeZip(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return Arrays.equals(in.readNBytes(4), ZIP);
        }
    }

    /** NAME/data.pkl and NAME/data/KEY */
    private Map<String, Tensor> zip() throws IOException {
        try (ZipFile zip = new ZipFile(file.toFile())) {
            List<String> pickles = zip.stream()
                    .map(ZipEntry::getName)
                    .filter(name -> name.matches("[^/]+/data\\.pkl"))
                    .toList();
            if (pickles.size() != 1) {
                throw new BadFileException(
                        file, "must hold one pickle NAME/data.pkl as PyTorch's do, holds " + pickles.size());
            }
            String folder = pickles.get(0).replace("data.pkl", "");
            checkOrder(zip, folder);
            Object root;
            try (DataInputStream in = open(zip, pickles.get(0))) {
                root = Unpickler.read(file, in);
            }
            Map<String, Unpickler.View> views = views(Unpickler.dictionary(file, root));
            for (Unpickler.View view : views.values()) {
                Unpickler.Storage storage = view.storage();
                if (!storages.containsKey(storage.key())) {
                    String name = folder + "data/" + storage.key();
                    try (DataInputStream in = open(zip, name)) {
                        storages.put(storage.key(), numbers(storage, in));
                    }
                }
            }
            return tensors(views);
        } catch (ZipException e) {
            throw new BadFileException(file, "is a broken zip: " + e.getMessage(), e);
        }
    }

    private void checkOrder(ZipFile zip, String folder) throws IOException {
        if (zip.getEntry(folder + "byteorder") != null) {
            try (DataInputStream in = open(zip, folder + "byteorder")) {
                String order = new String(in.readNBytes(16), StandardCharsets.US_ASCII);
                if (!order.equals("little")) {
                    throw new BadFileException(file, "must have bytes in little-endian order, has " + order);
                }
            }
        }
    }

    private DataInputStream open(ZipFile zip, String name) throws IOException {
        ZipEntry entry = zip.getEntry(name);
        if (entry == null) {
            throw new BadFileException(file, "lacks its part " + Excerpt.of(name));
        }
        if (entry.getMethod() != ZipEntry.STORED) {
            throw new BadFileException(
                    file, "must be packed without compression as PyTorch does, and " + name + " is not");
        }
        return new DataInputStream(new BufferedInputStream(zip.getInputStream(entry)));
    }

    /** Five pickles (magic number, version, system, state dict, keys of storages), then the storages in that order. */
    private Map<String, Tensor> legacy() throws IOException {
        try (DataInputStream in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            if (!MAGIC.equals(Unpickler.read(file, in))
                    || !Long.valueOf(PROTOCOL).equals(Unpickler.read(file, in))) {
                throw new BadFileException(file, "must begin as PyTorch's files do");
            }
            if (!Boolean.TRUE.equals(
                    Unpickler.dictionary(file, Unpickler.read(file, in)).get("little_endian"))) {
                throw new BadFileException(file, "must have bytes in little-endian order");
            }
            Map<String, Unpickler.View> views = views(Unpickler.dictionary(file, Unpickler.read(file, in)));
            Map<String, Unpickler.Storage> wanted = new LinkedHashMap<>();
            views.values().forEach(view -> wanted.put(view.storage().key(), view.storage()));
            if (!(Unpickler.read(file, in) instanceof List<?> keys)) {
                throw new BadFileException(file, "must list its storages");
            }
            for (Object key : keys) {
                Unpickler.Storage storage = key instanceof String name ? wanted.get(name) : null;
                long count = Long.reverseBytes(in.readLong());
                if (storage == null || storage.count() != count) {
                    throw new BadFileException(file, "has a storage that its pickle doesn't describe");
                }
                storages.put(storage.key(), numbers(storage, in));
            }
            return tensors(views);
        }
    }

    private Map<String, Unpickler.View> views(Map<String, Object> state) {
        Map<String, Unpickler.View> views = new LinkedHashMap<>();
        state.forEach((name, value) -> {
            if (!(value instanceof Unpickler.View view)) {
                throw new BadFileException(
                        file,
                        "must hold a dictionary of tensors (a state dict), and " + Excerpt.of(name)
                                + " in it is something else");
            }
            views.put(name, view);
        });
        return views;
    }

    private Tensor numbers(Unpickler.Storage storage, InputStream in) throws IOException {
        int each = storage.type().bytes;
        if (storage.count() < 0 || storage.count() > (length - taken) / each) {
            throw new BadFileException(
                    file,
                    Phrase.of("must have a storage %s of %,d numbers, and is too short for it")
                            .with(Excerpt.of(storage.key()), storage.count()));
        }
        taken += storage.count() * each;
        Tensor numbers = torch.empty(
                new long[] {storage.count()}, new TensorOptions(storage.type().scalar), new MemoryFormatOptional());
        ReadableByteChannel channel = Channels.newChannel(in); // not closed: more may follow
        for (ByteBuffer piece : TensorBytes.of(numbers)) {
            while (piece.hasRemaining()) {
                if (channel.read(piece) < 0) {
                    throw new EOFException();
                }
            }
        }
        return numbers;
    }

    private Map<String, Tensor> tensors(Map<String, Unpickler.View> views) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        views.forEach((name, view) -> tensors.put(name, tensor(name, view)));
        return tensors;
    }

    private Tensor tensor(String name, Unpickler.View view) {
        Tensor numbers = storages.get(view.storage().key());
        if (numbers == null || !inside(view, numbers.numel())) {
            throw new BadFileException(
                    file,
                    Phrase.of(
                                    "must have tensor %s within its storage of %,d numbers, has sizes %s and strides %s from %d")
                            .with(
                                    Excerpt.of(name),
                                    view.storage().count(),
                                    Excerpt.of(view.sizes().toString()),
                                    Excerpt.of(view.strides().toString()),
                                    view.offset()));
        }
        return numbers.as_strided(plain(view.sizes()), plain(view.strides()), new LongOptional(view.offset()));
    }

    /** Whether the tensor lies in its storage and isn't larger. */
    private static boolean inside(Unpickler.View view, long count) {
        if (view.sizes().size() != view.strides().size() || view.offset() < 0 || view.offset() > count) {
            return false;
        }
        long all = 1;
        long last = view.offset();
        for (int i = 0; i < view.sizes().size(); i++) {
            long size = view.sizes().get(i);
            long stride = view.strides().get(i);
            if (size < 0 || stride < 0 || size > count || stride > count || (size > 0 && all > count / size)) {
                return false;
            }
            if (size > 1 && stride > count / (size - 1)) {
                return false;
            }
            all *= size;
            last += size == 0 ? 0 : (size - 1) * stride;
        }
        return all == 0 || last < count;
    }

    private static long[] plain(List<Long> values) {
        return values.stream().mapToLong(Long::longValue).toArray();
    }
}
