package dev.smalti.data;

import java.io.IOException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.UUID;

/** Files that are there wholly or not at all: written beside their place, then renamed. */
final class Atomic {
    private Atomic() {}

    /** Writes what {@code file} shall hold. */
    interface Body {
        void write(Path temporary) throws IOException;
    }

    /** @throws DataException if {@code file} cannot be written; nothing of it is left then */
    static void write(Path file, Body body) {
        Path temporary = null;
        try {
            temporary = temporary(file);
            body.write(temporary);
            move(temporary, file);
        } catch (IOException e) {
            throw failed(file, e);
        } finally {
            discard(temporary);
        }
    }

    /** A new file beside {@code file}, with the rights that any new file has; its folder is made. */
    static Path temporary(Path file) throws IOException {
        Path folder = file.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        return Files.createFile(folder.resolve("." + UUID.randomUUID() + ".part"));
    }

    static void move(Path temporary, Path file) throws IOException {
        try {
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    static DataException failed(Path file, IOException cause) {
        return new DataException(
                "%s cannot be written (%s); check the folder's rights and the space left".formatted(file, cause),
                cause);
    }

    /** Deletes what {@link #move} left; an error here must not hide the one before. */
    static void discard(Path temporary) {
        if (temporary != null) {
            temporary.toFile().delete();
        }
    }
}
