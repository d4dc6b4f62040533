package dev.smalti.network;

/**
 * RDPM's transformer, in Llama's manner ({@link LlamaTransformer}), which is told the time. The published ones have 12, 16 and
 * 20 layers, as many heads, and 64 channels a head.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; a multiple of heads, and width / heads a multiple of 4 with {@code rotary}
 * @param heads attention heads; at least 1
 * @param rotary whether queries and keys also turn with row and column; false if left out. A learnt vector is added at each
 *     position in any case, since rotations tell only how far apart two positions are
 * @param bottleneck to how many numbers vectors that come in are projected before they are widened; at least 1; none if left
 *     out. {@code prior: {kind: rdpm}} has it beside its network instead
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 */
public record LlamaTransformerConfiguration(
        int layers, int width, int heads, Boolean rotary, Integer bottleneck, Double dropout)
        implements NetworkConfiguration {
    public LlamaTransformerConfiguration {
        rotary = rotary != null && rotary;
        dropout = NetworkConfiguration.dropout(dropout);
        NetworkConfiguration.checkSize(layers, width, heads);
        if (bottleneck != null && bottleneck < 1) {
            throw new IllegalArgumentException("bottleneck must be at least 1, got " + bottleneck);
        }
        if (rotary && width / heads % 4 != 0) {
            throw new IllegalArgumentException(
                    "width / heads must be a multiple of 4 with rotary, got " + width / heads);
        }
    }

    /** With learnt positions alone and without dropout. */
    public LlamaTransformerConfiguration(int layers, int width, int heads) {
        this(layers, width, heads, null, null, null);
    }

    /** The same with a bottleneck. */
    public LlamaTransformerConfiguration bottleneck(int bottleneck) {
        return new LlamaTransformerConfiguration(layers, width, heads, rotary, bottleneck, dropout);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new LlamaTransformer(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return ClassTable.addedTo("time.2.bias", "classes.weight");
    }
}
