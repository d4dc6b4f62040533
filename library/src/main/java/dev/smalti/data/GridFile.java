package dev.smalti.data;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A PNG of many pictures of one size, laid out as by {@link Pictures#grid}, that is written as they come: one row of them is
 * in memory. The file, and the folder it lies in, are there only after {@link #finish}.
 */
public final class GridFile implements AutoCloseable {
    private final Path file;
    private final int count;
    private final int columns;
    private final int gap;
    private final int width;
    private final int height;
    private final List<Pixels> row = new ArrayList<>();
    private AtomicFile beside;
    private PngRows png;
    private int added;

    /**
     * @param count how many pictures will come
     * @param width of each of them
     * @throws DataException if {@code file} cannot be written
     */
    public GridFile(Path file, int count, int columns, int gap, int width, int height) {
        if (count < 1 || columns < 1 || gap < 0 || width < 1 || height < 1) {
            throw new IllegalArgumentException(Phrase.of(
                            "a grid needs pictures, pixels, columns and a gap of at least 0, got %d of %d x %d, %d, %d")
                    .with(count, width, height, columns, gap));
        }
        this.file = file;
        this.count = count;
        this.columns = Math.min(columns, count);
        this.gap = gap;
        this.width = width;
        this.height = height;
        int down = (count + this.columns - 1) / this.columns;
        try {
            beside = AtomicFile.of(file, existing(file.toAbsolutePath().getParent()));
            png = new PngRows(
                    new BufferedOutputStream(Files.newOutputStream(beside.path())),
                    Math.multiplyExact(this.columns, width + gap) - gap,
                    Math.multiplyExact(down, height + gap) - gap);
        } catch (IOException e) {
            close();
            throw Atomic.failed(file, e);
        }
    }

    private static Path existing(Path folder) {
        return Files.isDirectory(folder) ? folder : existing(folder.getParent());
    }

    /** @throws IllegalArgumentException if {@code image} has another size than promised, or is one too many */
    public void add(Pixels image) {
        if (image.width() != width || image.height() != height || added == count) {
            throw new IllegalArgumentException(Phrase.of("%s takes %d pictures of %d x %d, picture %d has %d x %d")
                    .with(file, count, width, height, added, image.width(), image.height()));
        }
        row.add(image);
        added++;
        if (row.size() == columns || added == count) {
            write();
            row.clear();
        }
    }

    private void write() {
        byte[] line = new byte[3 * (columns * (width + gap) - gap)];
        try {
            Arrays.fill(line, (byte) 255);
            for (int y = 0; y < gap && added > columns; y++) {
                png.add(line);
            }
            for (int y = 0; y < height; y++) {
                for (int i = 0; i < row.size(); i++) {
                    System.arraycopy(row.get(i).rgb(), 3 * y * width, line, 3 * i * (width + gap), 3 * width);
                }
                png.add(line);
            }
        } catch (IOException e) {
            throw Atomic.failed(file, e);
        }
    }

    /** @throws IllegalStateException if fewer pictures came than promised */
    public void finish() {
        if (added < count) {
            throw new IllegalStateException(
                    Phrase.of("%s needs %d pictures, got %d").with(file, count, added));
        }
        try {
            png.finish();
            png.close();
            Files.createDirectories(file.toAbsolutePath().getParent());
            beside.commit();
        } catch (IOException e) {
            throw Atomic.failed(file, e);
        }
    }

    /** Drops what was written, if it isn't finished. */
    @Override
    public void close() {
        try (AtomicFile part = beside;
                PngRows rows = png) {
            // one that could not be written may fail in many ways as it is closed
        } catch (IOException | RuntimeException e) {
            // it is thrown away
        }
    }
}
