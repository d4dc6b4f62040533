package dev.smalti.model;

import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;

/**
 * Grids to be drawn at once: those with the numbers {@code from}..{@code from + size - 1}.
 *
 * @param labels of all grids; null for an unconditional model
 * @param known tokens that stay as they are, by the number of the grid; null for none
 */
public record GridBatch(long[] labels, int from, int size, long seed, Sampling sampling, Known known) {
    /** Of which no tokens are known. */
    public GridBatch(long[] labels, int from, int size, long seed, Sampling sampling) {
        this(labels, from, size, seed, sampling, null);
    }
}
