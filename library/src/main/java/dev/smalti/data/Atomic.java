package dev.smalti.data;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files that are there wholly or not at all: written beside their place, then renamed. */
final class Atomic {
    private Atomic() {}

    /** Writes what {@code file} shall hold. */
    interface Body {
        void write(Path temporary) throws IOException;
    }

    /** @throws DataException if {@code file} cannot be written; nothing of it is left then */
    static void write(Path file, Body body) {
        try (AtomicFile beside = beside(file)) {
            body.write(beside.path());
            beside.commit();
        } catch (IOException e) {
            throw failed(file, e);
        }
    }

    /** A place beside {@code file}, whose folder is made. */
    static AtomicFile beside(Path file) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        return AtomicFile.of(file);
    }

    static DataException failed(Path file, IOException cause) {
        return new DataException(
                Phrase.of("%s cannot be written (%s); check the folder's rights and the space left")
                        .with(file, cause),
                cause);
    }
}
