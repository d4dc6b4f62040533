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
        deviation = NetworkConfiguration.deviation(deviation);
        dropout = NetworkConfiguration.dropout(dropout);
        NetworkConfiguration.checkSize(layers, width, heads);
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
