package dev.smalti.network;

/**
 * The size of a {@link Transformer}.
 *
 * @param layers blocks; at least 1
 * @param width D; a multiple of heads
 * @param heads attention heads
 * @param dropout share of activations dropped in training, [0, 1); 0 if left out
 */
public record TransformerConfiguration(int layers, int width, int heads, Double dropout) {
    public TransformerConfiguration {
        dropout = dropout == null ? 0.0 : dropout;
        if (layers < 1) {
            throw new IllegalArgumentException("layers must be at least 1, got " + layers);
        }
        if (heads < 1 || width < heads || width % heads != 0) {
            throw new IllegalArgumentException("width must be a multiple of heads, got " + width + " and " + heads);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("dropout must be in [0, 1), got " + dropout);
        }
    }
}
