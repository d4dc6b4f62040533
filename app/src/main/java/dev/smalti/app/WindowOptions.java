package dev.smalti.app;

import dev.smalti.draw.Looking;
import dev.smalti.draw.Sampling;
import picocli.CommandLine.Option;

/** How a model sees a grid that is larger than in training. */
final class WindowOptions {
    /** Which windows show a place. */
    enum Choice {
        STRIDED,
        ALL,
        RANDOM
    }

    @Option(
            names = "--windows",
            paramLabel = "WHICH",
            defaultValue = "strided",
            description = {
                "where the grid is larger than in training, those through which the model sees a token: strided, as --stride says; all,"
                        + " one token apart; or random, one of all for each token in each step (default: strided)"
            })
    private Choice windows;

    @Option(
            names = "--stride",
            paramLabel = "S",
            description = "tokens from one window to the next where the grid is larger than in training"
                    + " (default: half a window)")
    private Integer stride;

    /** Of the windows in tokens; 0 for the usual. */
    int stride() {
        if (stride != null && stride < 1) {
            throw new IllegalArgumentException("--stride must be at least 1, got " + stride);
        }
        if (stride != null && windows != Choice.STRIDED) {
            throw new IllegalArgumentException("--stride is of strided windows: leave it out, or --windows");
        }
        return windows == Choice.ALL ? 1 : stride == null ? 0 : stride;
    }

    Sampling of(Sampling sampling) {
        return windows == Choice.RANDOM ? sampling.looking(Looking.RANDOM) : sampling;
    }
}
