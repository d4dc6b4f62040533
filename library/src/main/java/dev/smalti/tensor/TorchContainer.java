package dev.smalti.tensor;

import dev.smalti.tensor.Unpickler.Language;
import dev.smalti.tensor.Unpickler.Storage;
import dev.smalti.tensor.Unpickler.Unpickled;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** A file of PyTorch's that was opened: a pickle that describes tensors, and the storages that it speaks of. */
interface TorchContainer extends AutoCloseable {
    /**
     * @throws BadFileException if the file breaks a rule of its form, or its pickle one of the language
     * @throws IOException if it can't be read, or ends too early
     */
    static TorchContainer open(Path file, Language language) throws IOException {
        return startsAsZip(file) ? TorchZip.open(file, language) : TorchLegacy.open(file, language);
    }

    private static boolean startsAsZip(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            return Arrays.equals(in.readNBytes(4), TorchZip.MAGIC);
        }
    }

    /** In words. */
    String name();

    /** What the pickle says. */
    Unpickled pickled();

    /**
     * Makes sure that all numbers of a storage are in the file.
     *
     * @throws BadFileException naming it if it isn't there or is packed
     * @throws EOFException if it is cut off
     */
    void check(Storage storage) throws IOException;

    /** Reads bytes of a storage that was checked, from its {@code from}-th on, and fills the memory. */
    void read(Storage storage, long from, List<ByteBuffer> memory) throws IOException;

    @Override
    void close() throws IOException;
}
