package dev.smalti.network;

/**
 * LlamaGen's transformer ({@link CausalLlama}), Llama's blocks with rotary positions of two dimensions. The published ones have 12
 * layers of width 768 with 12 heads, 24 × 1024 with 16, 36 × 1280 with 20, 48 × 1536 with 24, and 24 × 3200 with 32.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; a multiple of heads, and width / heads a multiple of 4
 * @param heads attention heads; at least 1
 * @param keyValueHeads heads of keys and values, each of which as many heads of queries share; at least 1, a divisor of heads; as
 *     many as heads if left out
 * @param feedForward width of the feed-forward parts, which have three matrices; at least 1; two thirds of four times the width,
 *     rounded up to a multiple of 256, if left out
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 * @param deviation standard deviation of the normal distribution from which linear layers and embeddings start; above 0;
 *     0.02 if left out. Narrow networks learn sooner from more: 1/√width
 */
public record CausalLlamaConfiguration(
        int layers, int width, int heads, Integer keyValueHeads, Integer feedForward, Double dropout, Double deviation)
        implements CausalNetworkConfiguration {
    public CausalLlamaConfiguration {
        NetworkConfiguration.checkSize(layers, width, heads);
        if (width / heads % 4 != 0) {
            throw new IllegalArgumentException("width / heads must be a multiple of 4, got " + width / heads);
        }
        keyValueHeads = keyValueHeads == null ? Integer.valueOf(heads) : keyValueHeads;
        if (keyValueHeads < 1 || heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(
                    "key_value_heads must be a divisor of heads, got " + keyValueHeads + " and " + heads);
        }
        feedForward = feedForward == null ? Integer.valueOf(usualFeedForward(width)) : feedForward;
        if (feedForward < 1) {
            throw new IllegalArgumentException("feed_forward must be at least 1, got " + feedForward);
        }
        dropout = NetworkConfiguration.dropout(dropout);
        deviation = NetworkConfiguration.deviation(deviation);
    }

    /** Everything but the size as published, without dropout. */
    public CausalLlamaConfiguration(int layers, int width, int heads) {
        this(layers, width, heads, null, null, null, null);
    }

    private static int usualFeedForward(int width) {
        return Math.toIntExact((8L * width / 3 + 255) / 256 * 256);
    }

    @Override
    public CausalNetwork causal(Parameters parameters, NetworkShape shape) {
        return new CausalLlama(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return new ClassTable("cls_embedding\\.embedding_table\\.weight", null, true);
    }

    @Override
    public boolean learnsPlaces() {
        return false;
    }
}
