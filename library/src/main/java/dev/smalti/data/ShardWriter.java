package dev.smalti.data;

import dev.smalti.tensor.AtomicFile;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * Writes a tar shard in the layout of WebDataset, which is there when it is finished. The same samples are the same bytes: no times and
 * no owners.
 */
public final class ShardWriter implements AutoCloseable {
    private final Path file;
    private final AtomicFile beside;
    private final TarArchiveOutputStream tar;

    /** @throws DataException if {@code file} cannot be written; folders above it are made */
    public ShardWriter(Path file) {
        this.file = file;
        try {
            this.beside = Atomic.beside(file);
            this.tar = new TarArchiveOutputStream(
                    new BufferedOutputStream(Files.newOutputStream(beside.path()), 1 << 16),
                    StandardCharsets.UTF_8.name());
        } catch (IOException e) {
            throw Atomic.failed(file, e);
        }
    }

    /**
     * A file of a sample, behind the others of the same.
     *
     * @param name {@code KEY.ending}, at most 100 letters
     */
    public void add(String name, byte[] contents) {
        TarArchiveEntry entry = new TarArchiveEntry(name, true);
        entry.setSize(contents.length);
        entry.setModTime(0);
        entry.setIds(0, 0);
        entry.setNames("", "");
        try {
            tar.putArchiveEntry(entry);
            tar.write(contents);
            tar.closeArchiveEntry();
        } catch (IOException e) {
            throw Atomic.failed(file, e);
        }
    }

    /** All is there. */
    public void finish() {
        try {
            tar.close();
            AtomicFile.force(beside.path());
            beside.commit();
        } catch (IOException e) {
            throw Atomic.failed(file, e);
        }
    }

    /** Drops what isn't finished. */
    @Override
    public void close() {
        try {
            tar.close();
        } catch (IOException e) {
            // it is given up
        }
        beside.close();
    }
}
