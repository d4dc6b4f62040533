package dev.smalti.model;

import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;
import dev.smalti.tensor.Seed;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Grids to be drawn at once. Each depends on its own seed and label alone, whatever is drawn beside it.
 *
 * @param seeds of the grids, B
 * @param labels of the grids, B; null for an unconditional model
 * @param known tokens that stay as they are, by the number of the grid; null for none
 * @param from the number of the first, for {@code known}
 */
public record GridBatch(List<Seed> seeds, long[] labels, Sampling sampling, Known known, int from) {
    public GridBatch {
        seeds = List.copyOf(seeds);
        if (labels != null && labels.length != seeds.size()) {
            throw new IllegalArgumentException(
                    "labels must be one for each of " + seeds.size() + " seeds, got " + labels.length);
        }
    }

    /**
     * The grids with the numbers {@code from}..{@code from + size - 1} of those that grow from one seed.
     *
     * @param labels of all grids; null for an unconditional model
     */
    public GridBatch(long[] labels, int from, int size, long seed, Sampling sampling, Known known) {
        this(
                IntStream.range(from, from + size)
                        .mapToObj(number -> grid(seed, number))
                        .toList(),
                labels == null ? null : Arrays.copyOfRange(labels, from, from + size),
                sampling,
                known,
                from);
    }

    /** Of which no tokens are known. */
    public GridBatch(long[] labels, int from, int size, long seed, Sampling sampling) {
        this(labels, from, size, seed, sampling, null);
    }

    /** Of several seeds, of which no tokens are known. */
    public GridBatch(List<Seed> seeds, long[] labels, Sampling sampling) {
        this(seeds, labels, sampling, null, 0);
    }

    /** From which all of a grid is drawn. */
    static Seed grid(long seed, long number) {
        return new Seed(seed).child("grid").child(number);
    }
}
