package dev.smalti.draw;

import dev.smalti.tensor.Phrase;

/**
 * The size of the grids to be drawn where it isn't that of training, and how far the windows lie apart through which the
 * network sees them.
 *
 * @param height in tokens, at least that of training
 * @param width the same
 * @param stride of the windows in tokens, from 1 to the smaller side of the grids of training; 0 for half of that
 */
public record Canvas(int height, int width, int stride) {
    public Canvas {
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    Phrase.of("a canvas must have at least one row and one column, got %d × %d")
                            .with(height, width));
        }
        if (stride < 0) {
            throw new IllegalArgumentException("stride must be at least 1 (or 0 for the usual), got " + stride);
        }
    }

    /** With the usual stride. */
    public Canvas(int height, int width) {
        this(height, width, 0);
    }
}
