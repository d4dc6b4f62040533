package dev.smalti.tensor;

import dev.smalti.tensor.Unpickler.Language;
import dev.smalti.tensor.Unpickler.Storage;
import dev.smalti.tensor.Unpickler.Unpickled;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** The form since PyTorch 1.6, a zip without compression of NAME/data.pkl and, by their keys, NAME/data/KEY. */
final class TorchZip implements TorchContainer {
    static final byte[] MAGIC = {'P', 'K', 3, 4};

    private static final int BLOCK = 1 << 16;

    private final Path file;
    private final ZipFile zip;
    private final String folder;
    private final Unpickled pickled;

    private TorchZip(Path file, ZipFile zip, String folder, Unpickled pickled) {
        this.file = file;
        this.zip = zip;
        this.folder = folder;
        this.pickled = pickled;
    }

    static TorchZip open(Path file, Language language) throws IOException {
        ZipFile zip = zip(file);
        try {
            List<String> pickles = names(file, zip).stream()
                    .filter(name -> name.matches("[^/]+/data\\.pkl"))
                    .toList();
            if (pickles.size() != 1) {
                throw new BadFileException(
                        file, "must hold one pickle NAME/data.pkl as PyTorch's do, holds " + pickles.size());
            }
            String folder = pickles.get(0).replace("data.pkl", "");
            checkOrder(file, zip, folder);
            ZipEntry entry = entry(file, zip, pickles.get(0));
            try (DataInputStream in = new DataInputStream(new BufferedInputStream(zip.getInputStream(entry)))) {
                long length = Math.min(length(entry), Files.size(file));
                return new TorchZip(file, zip, folder, Unpickler.read(file, in, length, language));
            }
        } catch (ZipException e) {
            zip.close();
            throw broken(file, e);
        } catch (IOException | RuntimeException | Error e) {
            zip.close();
            throw e;
        }
    }

    private static ZipFile zip(Path file) throws IOException {
        try {
            return new ZipFile(file.toFile());
        } catch (ZipException e) {
            throw broken(file, e);
        }
    }

    private static List<String> names(Path file, ZipFile zip) {
        try {
            return zip.stream().map(ZipEntry::getName).toList();
        } catch (IllegalArgumentException e) { // Java's word for bytes that are no UTF-8
            throw new BadFileException(file, "is a broken zip, with names of parts that are no text", e);
        }
    }

    private static BadFileException broken(Path file, ZipException e) {
        return new BadFileException(
                file, "is a broken zip (was it cut off?): " + Excerpt.of(String.valueOf(e.getMessage())), e);
    }

    private static void checkOrder(Path file, ZipFile zip, String folder) throws IOException {
        if (zip.getEntry(folder + "byteorder") != null) {
            try (InputStream in = zip.getInputStream(entry(file, zip, folder + "byteorder"))) {
                String order = new String(in.readNBytes(16), StandardCharsets.US_ASCII);
                if (!order.equals("little")) {
                    throw new BadFileException(
                            file, "must have bytes in little-endian order, has " + Excerpt.of(order));
                }
            }
        }
    }

    private static ZipEntry entry(Path file, ZipFile zip, String name) {
        ZipEntry entry = zip.getEntry(name);
        if (entry == null) {
            throw new BadFileException(file, "lacks its part " + Excerpt.of(name));
        }
        if (entry.getMethod() != ZipEntry.STORED) {
            throw new BadFileException(
                    file, "must be packed without compression as PyTorch does, and " + Excerpt.of(name) + " is not");
        }
        return entry;
    }

    /** Both sizes are said by the file. */
    private static long length(ZipEntry entry) {
        return Math.min(entry.getSize(), entry.getCompressedSize());
    }

    private ZipEntry entry(Storage storage) {
        return entry(file, zip, folder + "data/" + storage.key());
    }

    @Override
    public String name() {
        return "PyTorch";
    }

    @Override
    public Unpickled pickled() {
        return pickled;
    }

    @Override
    public void check(Storage storage) throws IOException {
        if (storage.count() > Math.min(length(entry(storage)), Files.size(file)) / storage.width()) {
            throw new EOFException();
        }
    }

    @Override
    public void read(Storage storage, long from, List<ByteBuffer> memory) throws IOException {
        try (InputStream in = zip.getInputStream(entry(storage))) {
            in.skipNBytes(from);
            int all = memory.stream().mapToInt(ByteBuffer::remaining).max().orElse(0);
            byte[] block = new byte[Math.min(BLOCK, all)];
            for (ByteBuffer piece : memory) {
                while (piece.hasRemaining()) {
                    Stopping.check();
                    int count = in.read(block, 0, Math.min(block.length, piece.remaining()));
                    if (count < 0) {
                        throw new EOFException();
                    }
                    piece.put(block, 0, count);
                }
            }
        } catch (ZipException e) {
            throw broken(file, e);
        }
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
