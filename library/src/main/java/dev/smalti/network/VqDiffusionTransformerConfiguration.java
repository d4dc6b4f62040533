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
 * @param attentionDropout share of the attention's weights dropped in training; [0, 1); 0 if left out
 * @param positions how a token's place is told; {@code learnt} if left out
 * @param timeScale what time, where it is continuous or a share of all steps, is multiplied by before its sines and cosines are taken, whose frequencies go from 1
 *     down to 1/10000; above 0; 4000, as the released code for time in [0, 1], if left out. Kind {@code lcmd} tells ln(σ/α),
 *     within ±7.5 by its usual limit: 67 brings that range to the length of 1000 that Kingma et al. 2021 take in their code;
 *     with 4000 nearly half of the sines turn about more than once where ln(σ/α) changes by 0.1
 * @param activation what stands between the two feed-forward layers; {@code gelu2}, as the released models, if left out
 * @param times how time is told where it is counted in steps; {@code learnt} if left out
 */
public record VqDiffusionTransformerConfiguration(
        int layers,
        int width,
        int heads,
        Boolean convolution,
        Integer expansion,
        Double dropout,
        Double deviation,
        Double attentionDropout,
        Positions positions,
        Double timeScale,
        Activation activation,
        Times times)
        implements NetworkConfiguration {
    /** How a token's place is told. */
    public enum Positions {
        /** By the sum of a learnt vector of its row and one of its column. */
        LEARNT,
        /** By sines and cosines of its number in raster order. Vaswani et al. 2017, arXiv:1706.03762, section 3.5. */
        SINUSOIDAL
    }

    /** What stands between the two feed-forward layers. */
    public enum Activation {
        /** x Φ(x), where Φ is the normal distribution's. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
        GELU,
        /** x σ(1.702 x), which is close to it. The same, section 2. */
        GELU2
    }

    /** How time is told where it is counted in steps. */
    public enum Times {
        /** By a learnt vector of each step, in each block its own. The released code's {@code adalayernorm}. */
        LEARNT,
        /** By sines and cosines of {@code time_scale} times the share of all steps. The released code's {@code adalayernorm_abs}. */
        SINUSOIDAL
    }

    public VqDiffusionTransformerConfiguration {
        attentionDropout = NetworkConfiguration.dropout("attention_dropout", attentionDropout);
        positions = positions == null ? Positions.LEARNT : positions;
        timeScale = timeScale == null ? 4000 : timeScale;
        if (!(timeScale > 0) || Double.isInfinite(timeScale)) {
            throw new IllegalArgumentException("time_scale must be above 0, got " + timeScale);
        }
        activation = activation == null ? Activation.GELU2 : activation;
        times = times == null ? Times.LEARNT : times;
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

    /** As the released code, but for what is given. */
    public VqDiffusionTransformerConfiguration(
            int layers,
            int width,
            int heads,
            Boolean convolution,
            Integer expansion,
            Double dropout,
            Double deviation) {
        this(layers, width, heads, convolution, expansion, dropout, deviation, null, null, null);
    }

    /** With the activation and the times of the released models. */
    public VqDiffusionTransformerConfiguration(
            int layers,
            int width,
            int heads,
            Boolean convolution,
            Integer expansion,
            Double dropout,
            Double deviation,
            Double attentionDropout,
            Positions positions,
            Double timeScale) {
        this(
                layers,
                width,
                heads,
                convolution,
                expansion,
                dropout,
                deviation,
                attentionDropout,
                positions,
                timeScale,
                null,
                null);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new VqDiffusionTransformer(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return new ClassTable("blocks\\.\\d+\\.ln2\\.emb\\.weight", null, false);
    }

    @Override
    public boolean learnsPlaces() {
        return positions == Positions.LEARNT;
    }
}
