package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/** Writes a file so that it holds what it held before or all of what is new, whatever happens in between. */
final class AtomicFile {
    /** What goes into the file. */
    interface Body {
        void write(FileChannel channel) throws IOException;
    }

    private AtomicFile() {}

    /**
     * Writes {@code body} to a new file beside {@code file}, waits until it is on the disk and gives it the name.
     *
     * @throws UncheckedIOException naming the file and the reason if that fails; the file is then as it was
     */
    static void write(Path file, Body body) {
        Path folder = file.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw failure(file, new IOException("there is no folder " + folder));
        }
        Path part = folder.resolve(".smalti-" + UUID.randomUUID() + ".part");
        try {
            fill(part, body);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (UncheckedIOException e) {
            delete(part, e);
            throw failure(file, e.getCause());
        } catch (IOException e) {
            delete(part, e);
            throw failure(file, e);
        } catch (RuntimeException | Error e) {
            delete(part, e);
            throw e;
        }
    }

    /** Why a file operation failed, without the file's name. */
    static String reason(IOException e) {
        if (e instanceof NoSuchFileException) {
            return "there is no such file";
        }
        if (e instanceof AccessDeniedException) {
            return "permission denied";
        }
        String reason = e instanceof FileSystemException failure ? failure.getReason() : e.getMessage();
        return reason == null ? e.getClass().getSimpleName() : reason;
    }

    private static void fill(Path part, Body body) throws IOException {
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            body.write(channel);
            channel.force(true);
        }
    }

    private static void delete(Path part, Throwable failure) {
        try {
            Files.deleteIfExists(part);
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }

    private static UncheckedIOException failure(Path file, IOException e) {
        return new UncheckedIOException("cannot write %s: %s".formatted(file, reason(e)), e);
    }
}
