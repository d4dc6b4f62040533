package dev.smalti.network;

/**
 * The transformer of the MaskGIT of Besnier and Chen 2023 ({@link BesnierTransformer}), whose class is one more token, and which is
 * not told the time. The published one has 24 layers of width 768 with 16 heads.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; a multiple of heads
 * @param heads attention heads; at least 1
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 * @param deviation standard deviation of the normal distribution from which linear layers and embeddings start; above 0;
 *     0.02 if left out. Narrow networks learn sooner from more: 1/√width
 */
public record BesnierTransformerConfiguration(int layers, int width, int heads, Double dropout, Double deviation)
        implements NetworkConfiguration {
    public BesnierTransformerConfiguration {
        deviation = NetworkConfiguration.deviation(deviation);
        dropout = NetworkConfiguration.dropout(dropout);
        NetworkConfiguration.checkSize(layers, width, heads);
    }

    /** Without dropout, started as GPT-2 is. */
    public BesnierTransformerConfiguration(int layers, int width, int heads) {
        this(layers, width, heads, null, null);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new BesnierTransformer(parameters, this, shape);
    }

    @Override
    public boolean readsTime() {
        return false;
    }
}
