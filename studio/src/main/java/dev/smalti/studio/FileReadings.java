package dev.smalti.studio;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What was read of files, kept for as long as these have the time and the size that they had before they were read.
 *
 * @param <T> what is read, which nobody changes
 */
final class FileReadings<T> {
    private final Map<Path, Reading<T>> kept =
            new LinkedHashMap<>(16, 0.75f, true); // the one asked for last at the end
    private final int most;

    /** @param most files of which readings are kept; beyond that those that were asked for least lately go */
    FileReadings(int most) {
        this.most = most;
    }

    /** Reads a file. */
    @FunctionalInterface
    interface Reader<T> {
        T read(Path file) throws IOException;
    }

    private record Reading<T>(FileTime written, long size, T value) {
        boolean isOf(BasicFileAttributes now) {
            return written.equals(now.lastModifiedTime()) && size == now.size();
        }
    }

    /**
     * What {@code reader} reads, or read when the file was as it is.
     *
     * @throws IOException if the file isn't there, or as the reader's; nothing is kept then
     */
    T of(Path file, Reader<T> reader) throws IOException {
        BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class); // before it is read
        Reading<T> last = kept(file);
        if (last != null && last.isOf(now)) {
            return last.value();
        }
        T value = reader.read(file);
        keep(file, new Reading<>(now.lastModifiedTime(), now.size(), value));
        return value;
    }

    private synchronized Reading<T> kept(Path file) {
        return kept.get(file);
    }

    private synchronized void keep(Path file, Reading<T> reading) {
        kept.put(file, reading);
        if (kept.size() > most) {
            kept.remove(kept.keySet().iterator().next());
        }
    }
}
