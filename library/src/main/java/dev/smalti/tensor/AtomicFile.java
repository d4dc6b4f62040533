package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.UUID;

/**
 * A file that holds what it held before or all of what is new, whatever happens in between: it is written beside its place
 * and then takes the name.
 *
 * <pre>{@code
 * try (AtomicFile beside = AtomicFile.of(file)) {
 *     Files.writeString(beside.path(), text);
 *     beside.commit();
 * }
 * }</pre>
 */
public final class AtomicFile implements AutoCloseable {
    private final Path file;
    private final Path part;

    /** What goes into the file. */
    interface Body {
        void write(FileChannel channel) throws IOException;
    }

    private AtomicFile(Path file, Path part) {
        this.file = file;
        this.part = part;
    }

    /** Names a place beside {@code file}, in the same folder; nothing is there yet. */
    public static AtomicFile of(Path file) {
        return of(file, file.toAbsolutePath().getParent());
    }

    /** The same in another folder of the same disk, for a file whose own folder isn't there yet. */
    public static AtomicFile of(Path file, Path folder) {
        return new AtomicFile(file, folder.resolve(".smalti-" + UUID.randomUUID() + ".part"));
    }

    /** Where to write. */
    public Path path() {
        return part;
    }

    /** Gives what was written the name of the file, in place of what had it. */
    public void commit() throws IOException {
        try {
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (AtomicMoveNotSupportedException e) {
            Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
        }
    }

    /** Deletes what was not committed; an error here does not hide the one before. */
    @Override
    public void close() {
        part.toFile().delete();
    }

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
        try (AtomicFile beside = of(file)) {
            fill(beside.path(), body);
            beside.commit();
        } catch (UncheckedIOException e) {
            throw failure(file, e.getCause());
        } catch (IOException e) {
            throw failure(file, e);
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

    private static UncheckedIOException failure(Path file, IOException e) {
        return new UncheckedIOException("cannot write %s: %s".formatted(file, reason(e)), e);
    }
}
