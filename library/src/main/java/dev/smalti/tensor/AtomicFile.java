package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A file, or a folder, that holds what it held before or all of what is new, whatever happens in between: it is written beside
 * its place and then takes the name.
 *
 * <pre>{@code
 * try (AtomicFile beside = AtomicFile.of(file)) {
 *     Files.writeString(beside.path(), text);
 *     beside.commit();
 * }
 * }</pre>
 *
 * <p>What a killed process leaves is {@code .smalti-<mark>-<random>.part}, by whose {@link #mark} the next one knows whose it is.
 */
public final class AtomicFile implements AutoCloseable {
    private static final String NAME = ".smalti-";
    private static final String PART = ".part";

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
        String mark = mark(folder.toAbsolutePath().relativize(file.toAbsolutePath()));
        return new AtomicFile(file, folder.resolve(mark + "-" + UUID.randomUUID() + PART));
    }

    /**
     * What the names of all that is written beside a file begin with, and end not yet: the same for the same file, and short
     * whatever the file is called.
     *
     * @param file relative to the folder that it is written in
     */
    public static String mark(Path file) {
        return NAME + HexFormat.of().toHexDigits(file.toString().hashCode());
    }

    /** Whether a name is that of something being written, of whatever file. */
    public static boolean isPart(String name) {
        return name.startsWith(NAME) && name.endsWith(PART);
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

    /** Waits until a file that was written is on the disk, so that its name is never there without it. */
    public static void force(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
    }

    /** Deletes what was not committed; an error here does not hide the one before. */
    @Override
    public void close() {
        discard(part);
    }

    /** Deletes a file, or a folder and all that is in it; what can't be deleted stays. */
    public static void discard(Path path) {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        try (Stream<Path> entries = Files.walk(path)) {
            entries.sorted(Comparator.reverseOrder()).forEach(AtomicFile::delete);
        } catch (IOException | UncheckedIOException e) {
            // it stays
        }
    }

    private static void delete(Path entry) {
        try {
            Files.deleteIfExists(entry);
        } catch (IOException e) {
            // it stays
        }
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
        return new UncheckedIOException(Phrase.of("cannot write %s: %s").with(file, reason(e)), e);
    }
}
