package dev.smalti.network;

/**
 * The transformer of VQ-Diffusion ({@link VqDiffusionTransformer}), which is told the time.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; even, a multiple of heads
 * @param heads attention heads; at least 1
 * @param convolution whether the feed-forward layers are 3×3 convolutions over the grid rather than of each token by itself;
 *     true if left out, as the released models, which have nine times as many weights there
 * @param expansion how many times D the feed-forward layers are wide; at least 1; 4 if left out
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 * @param deviation standard deviation of the normal distribution from which linear layers and embeddings start; above 0;
 *     0.02 if left out. Narrow networks learn sooner from more: 1/√width
 */
public record VqDiffusionTransformerConfiguration(
        int layers, int width, int heads, Boolean convolution, Integer expansion, Double dropout, Double deviation)
        implements NetworkConfiguration {
    public VqDiffusionTransformerConfiguration {
        convolution = convolution == null || convolution;
        expansion = expansion == null ? 4 : expansion;
        dropout = NetworkConfiguration.dropout(dropout);
        deviation = NetworkConfiguration.deviation(deviation);
        NetworkConfiguration.checkSize(layers, width, heads);
        if (width % 2 != 0) {
            throw new IllegalArgumentException(
                    "width must be even and a multiple of heads, got " + width + " and " + heads);
        }
        if (expansion < 1) {
            throw new IllegalArgumentException("expansion must be at least 1, got " + expansion);
        }
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new VqDiffusionTransformer(parameters, this, shape);
    }
}
