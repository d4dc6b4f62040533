package dev.smalti.draw;

import dev.smalti.tensor.Phrase;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Tokens that stay while the rest of a grid is drawn, of one grid or of many: the i-th grid of a draw keeps those of the
 * i-th of these, and where they end begins with the first again. No tensor of a batch, so that what is drawn does not
 * depend on batches.
 */
public final class Known {
    private final int height;
    private final int width;
    private final boolean[] open;
    private final List<long[]> grids;
    private final long[] noiseSeeds;

    /**
     * @param height h, rows of a grid
     * @param width w, columns of a grid
     * @param open where tokens are drawn, the same in all grids, [h · w]; true somewhere
     * @param grids the codes of each, [h · w], or [T · h · w] where there are T codes at each place; at open places they are
     *     ignored
     * @param noiseSeeds of the kept codes of a diffusion tokenizer, one a grid; null for other tokenizers
     * @throws IllegalArgumentException naming what has another size than it must have, or if there is nothing to draw
     */
    public Known(int height, int width, boolean[] open, List<long[]> grids, long[] noiseSeeds) {
        int length = Math.multiplyExact(height, width);
        if (open.length != length) {
            throw new IllegalArgumentException(Phrase.of("open must have the %d places of %d × %d tokens, got %d")
                    .with(length, height, width, open.length));
        }
        if (IntStream.range(0, length).noneMatch(i -> open[i])) {
            throw new IllegalArgumentException("open must have at least one place to draw, and all are kept");
        }
        if (grids.isEmpty()) {
            throw new IllegalArgumentException("known tokens must be of one grid at least, got none");
        }
        int size = grids.get(0).length;
        for (long[] grid : grids) {
            if (grid.length != size || size == 0 || size % length != 0) {
                throw new IllegalArgumentException(Phrase.of(
                                "known codes must be those of all %d places of a grid, the same number for each, got %d")
                        .with(length, grid.length));
            }
        }
        if (noiseSeeds != null && noiseSeeds.length != grids.size()) {
            throw new IllegalArgumentException(Phrase.of("noise seeds must be one for each of the %d grids, got %d")
                    .with(grids.size(), noiseSeeds.length));
        }
        this.height = height;
        this.width = width;
        this.open = open.clone();
        this.grids = grids.stream().map(long[]::clone).toList();
        this.noiseSeeds = noiseSeeds == null ? null : noiseSeeds.clone();
    }

    /** Of a tokenizer without noise. */
    public Known(int height, int width, boolean[] open, List<long[]> grids) {
        this(height, width, open, grids, null);
    }

    /** h */
    public int height() {
        return height;
    }

    /** w */
    public int width() {
        return width;
    }

    /** T, the codes at each place. */
    public int depth() {
        return grids.get(0).length / open.length;
    }

    /** Where tokens are drawn, [h · w]. */
    public boolean[] open() {
        return open.clone();
    }

    /** The codes that the grid with this number keeps, [T · h · w]. */
    public long[] codes(long number) {
        return grids.get(index(number)).clone();
    }

    /** Whether the kept codes have noise seeds. */
    public boolean noisy() {
        return noiseSeeds != null;
    }

    /** The noise seed of what the grid with this number keeps. */
    public long noiseSeed(long number) {
        return noiseSeeds[index(number)];
    }

    private int index(long number) {
        return (int) (number % grids.size());
    }
}
