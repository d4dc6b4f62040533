package dev.smalti.network;

/**
 * The size of a {@link Transformer}.
 *
 * @param layers blocks; at least 1
 * @param width D; a multiple of heads
 * @param heads attention heads
 * @param dropout share of activations dropped in training, [0, 1); 0 if left out
 * @param deviation of the normal distribution from which linear layers and embeddings start, above 0; 0.02 if left out, as
 *     GPT-2. Narrow networks learn sooner from more: 1/√width
 */
public record TransformerConfiguration(int layers, int width, int heads, Double dropout, Double deviation)
        implements NetworkConfiguration {
    public TransformerConfiguration {
        deviation = deviation == null ? 0.02 : deviation;
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
        if (!(deviation > 0) || Double.isInfinite(deviation)) {
            throw new IllegalArgumentException("deviation must be above 0, got " + deviation);
        }
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new Transformer(parameters, this, shape);
    }

    /** Started as GPT-2 is. */
    public TransformerConfiguration(int layers, int width, int heads, Double dropout) {
        this(layers, width, heads, dropout, null);
    }
}
