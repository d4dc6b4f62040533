package dev.smalti.network;

/**
 * Halton-MaskGIT's transformer ({@link HaltonTransformer}), which is not told the time. The published ones have 6 layers of
 * width 384 with 6 heads, 12 × 512 with 6, 12 × 768 with 12, and 24 × 1024 with 16.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token, of which each head has ⌊D / heads⌋ channels; at least heads
 * @param heads attention heads; at least 1
 * @param feedForward width of a feed-forward part of two matrices; at least 1; four times the width if left out. The three
 *     that this network has instead get two thirds of it, rounded up to a multiple of 256
 * @param registers learnt tokens beside those of the grid; at least 0; 1 if left out
 * @param patch 2 to merge each 2×2 tokens into one inside the network, for large grids; 1 or 2; 1 if left out
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 */
public record HaltonTransformerConfiguration(
        int layers, int width, int heads, Integer feedForward, Integer registers, Integer patch, Double dropout)
        implements NetworkConfiguration {
    public HaltonTransformerConfiguration {
        if (layers < 1) {
            throw new IllegalArgumentException("layers must be at least 1, got " + layers);
        }
        if (heads < 1 || width < heads) {
            throw new IllegalArgumentException(
                    "heads must be at least 1 and at most the width, got " + heads + " and " + width);
        }
        feedForward = feedForward == null ? Integer.valueOf(4 * width) : feedForward;
        if (feedForward < 1) {
            throw new IllegalArgumentException("feed_forward must be at least 1, got " + feedForward);
        }
        registers = registers == null ? Integer.valueOf(1) : registers;
        if (registers < 0) {
            throw new IllegalArgumentException("registers must be at least 0, got " + registers);
        }
        patch = patch == null ? Integer.valueOf(1) : patch;
        if (patch != 1 && patch != 2) {
            throw new IllegalArgumentException("patch must be 1 or 2, got " + patch);
        }
        dropout = NetworkConfiguration.dropout(dropout);
    }

    /** Everything but the size as published. */
    public HaltonTransformerConfiguration(int layers, int width, int heads) {
        this(layers, width, heads, null, null, null, null);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new HaltonTransformer(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return new ClassTable("cls_emb\\.weight", null, true);
    }

    @Override
    public boolean readsTime() {
        return false;
    }
}
