package dev.smalti.token;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Writes a token file batch by batch: the memory is that of a batch, whatever the number of grids, and the bytes are those
 * of {@link TokenFile#write}.
 *
 * <pre>{@code
 * TokenFile.Builder facts = TokenFile.of(space).codebook(codebook).classes(10);
 * try (TokenWriter writer = TokenWriter.of(file, facts, 1_281_167, Set.of(TokenWriter.Column.LABELS))) {
 *     writer.add(codes, labels, null);   // [B, h, w], [B]; as often as there are batches
 *     writer.finish();                   // only now there is a file of this name
 * }
 * }</pre>
 */
public final class TokenWriter implements AutoCloseable {
    private final Path file;
    private final AtomicFile beside; // null if the file itself is written
    private final TokenFacts facts;
    private final long count;
    private final Set<Column> columns;
    private final TensorWriter tensors;
    private long done;

    /** What comes with each grid beside its codes. */
    public enum Column {
        LABELS,
        NOISE_SEEDS;

        String tensor() {
            return this == LABELS ? "labels" : "noise_seeds";
        }
    }

    private TokenWriter(Path file, AtomicFile beside, TokenFacts facts, long count, Set<Column> given, long done) {
        this.file = file;
        this.beside = beside;
        this.facts = facts;
        this.count = count;
        this.columns = given.isEmpty() ? Set.of() : EnumSet.copyOf(given);
        this.done = done;
        if (count < 1 || done < 0 || done > count) {
            throw new IllegalArgumentException(
                    Phrase.of("a token file must hold at least one grid, and no more than planned, got %d of %d")
                            .with(done, count));
        }
        if (columns.contains(Column.LABELS) && facts.classes() < 1) {
            throw new IllegalArgumentException("classes must be 1 or more where there are labels, got 0");
        }
        Path path = beside == null ? file : beside.path();
        var shapes = facts.shapes(count, columns);
        this.tensors = done > 0
                ? TensorWriter.open(path, shapes, facts.strings())
                : TensorWriter.create(path, shapes, facts.strings());
        if (done == 0) {
            facts.common()
                    .forEach((name, tensor) -> Scope.free(() -> tensors.put(name, 0, tensor.to(ScalarType.Float))));
        }
    }

    /**
     * Begins a file, which appears when it is finished.
     *
     * @param facts all but codes, labels and noise seeds
     * @param count how many grids will come, or the most if that isn't known; then finishing writes the file once more
     * @throws IllegalArgumentException naming what contradicts itself
     */
    public static TokenWriter of(Path file, TokenFile.Builder facts, long count, Set<Column> columns) {
        return of(file, facts.facts(), count, columns);
    }

    static TokenWriter of(Path file, TokenFacts facts, long count, Set<Column> columns) {
        AtomicFile beside = AtomicFile.of(file);
        try {
            return new TokenWriter(file, beside, facts, count, columns, 0);
        } catch (RuntimeException e) {
            beside.close();
            throw e;
        }
    }

    /**
     * Begins a file in its place, or goes on with what an earlier writer left there, which stays when this one is closed too
     * early.
     *
     * @param done how many grids are there already; behind them all is written anew
     * @throws BadFileException if what is there isn't a file of the same facts, count and columns
     */
    public static TokenWriter inPlace(Path file, TokenFile.Builder facts, long count, Set<Column> columns, long done) {
        if (done == 0) {
            file.toFile().delete();
        }
        return new TokenWriter(file, null, facts.facts(), count, columns, done);
    }

    /** How many grids there are so far. */
    public long done() {
        return done;
    }

    /** How many there will be, or the most. */
    public long count() {
        return count;
    }

    /**
     * Writes the next grids. The tensors may be of any integer type, layout and device.
     *
     * @param codes [B, h, w] or [B, T, h, w]
     * @param labels [B]; null without that column
     * @param noiseSeeds [B]; null without that column
     * @throws IllegalArgumentException naming the tensor, the rule and the value that breaks it
     */
    public void add(Tensor codes, Tensor labels, Tensor noiseSeeds) {
        long[] shape = new long[facts.row().size() + 1];
        shape[0] = Dims.ANY;
        for (int i = 0; i < facts.row().size(); i++) {
            shape[i + 1] = facts.row().get(i);
        }
        Dims.check("codes", codes, shape);
        long size = codes.size(0);
        if (size > count - done) {
            throw new IllegalArgumentException(
                    Phrase.of("%s takes %d grids, got %d behind %d").with(file, count, size, done));
        }
        refuse(TokenSpace.problem("codes", codes, facts.space().codes(), done));
        check(Column.LABELS, labels, size);
        check(Column.NOISE_SEEDS, noiseSeeds, size);
        if (labels != null) {
            refuse(TokenSpace.problem("labels", labels, facts.classes(), done));
        }
        Scope.free(() -> {
            tensors.put("codes", done, codes.to(facts.type()));
            if (labels != null) {
                tensors.put(Column.LABELS.tensor(), done, labels.to(ScalarType.Long));
            }
            if (noiseSeeds != null) {
                tensors.put(Column.NOISE_SEEDS.tensor(), done, noiseSeeds.to(ScalarType.Long));
            }
        });
        done += size;
    }

    private void check(Column column, Tensor values, long size) {
        if (columns.contains(column) != (values != null)) {
            throw new IllegalArgumentException(Phrase.of("%s must be given %s, got %s")
                    .with(
                            column.tensor(),
                            columns.contains(column) ? "with each grid, as planned" : "with no grid, as planned",
                            values == null ? "none" : "some"));
        }
        if (values != null) {
            TokenFile.checkColumn(column.tensor(), values, size);
        }
    }

    /** Waits until all grids so far are on the disk. */
    public void force() {
        tensors.force();
    }

    /**
     * Ends the file; grids that were planned and didn't come are left out of it.
     *
     * @throws IllegalStateException if there are no grids, or not all copies of the last image
     */
    public void finish() {
        if (done == 0 || done % facts.copies() != 0) {
            throw new IllegalStateException(
                    Phrase.of("%s needs grids, and %d of each image, got %d").with(file, facts.copies(), done));
        }
        tensors.force();
        tensors.close();
        try {
            if (done < count) {
                shorten();
            } else if (beside != null) {
                beside.commit();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(Phrase.of("cannot write %s: %s").with(file, e), e);
        }
    }

    /** Writes the file again with as many grids as have come: all that lies behind the labels moves. */
    private void shorten() throws IOException {
        Path whole = beside == null ? file : beside.path();
        try (AtomicFile shorter = AtomicFile.of(file)) {
            var shapes = facts.shapes(done, columns);
            try (TensorWriter writer = TensorWriter.create(shorter.path(), shapes, facts.strings())) {
                shapes.keySet().forEach(name -> writer.copy(name, whole));
                writer.force();
            }
            shorter.commit();
        }
    }

    /** Drops what was written, if it isn't finished and was not written in its place. */
    @Override
    public void close() {
        tensors.close();
        if (beside != null) {
            beside.close();
        }
    }

    private static void refuse(Optional<String> problem) {
        problem.ifPresent(each -> {
            throw new IllegalArgumentException(each);
        });
    }
}
