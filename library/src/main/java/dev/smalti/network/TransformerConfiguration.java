package dev.smalti.network;

/**
 * A transformer as GPT-2's ({@link Transformer}), which is not told the time: bidirectional, but in an autoregressive prior.
 *
 * @param layers number of blocks; at least 1
 * @param width D, the channels of a token; a multiple of heads
 * @param heads attention heads; at least 1
 * @param dropout share of activations dropped in training; [0, 1); 0 if left out
 * @param deviation standard deviation of the normal distribution from which linear layers and embeddings start; above 0;
 *     0.02, as GPT-2, if left out. Narrow networks learn sooner from more: 1/√width
 */
public record TransformerConfiguration(int layers, int width, int heads, Double dropout, Double deviation)
        implements NetworkConfiguration, CausalNetworkConfiguration {
    public TransformerConfiguration {
        deviation = NetworkConfiguration.deviation(deviation);
        dropout = NetworkConfiguration.dropout(dropout);
        NetworkConfiguration.checkSize(layers, width, heads);
    }

    @Override
    public Denoiser build(Parameters parameters, NetworkShape shape) {
        return new Transformer(parameters, this, shape);
    }

    /** With a causal mask: each token sees only those before it. */
    @Override
    public CausalNetwork causal(Parameters parameters, NetworkShape shape) {
        return new CausalTransformer(parameters, this, shape);
    }

    @Override
    public ClassTable classTable() {
        return ClassTable.addedTo("pos_emb", "cls_emb.weight");
    }

    @Override
    public boolean readsTime() {
        return false;
    }

    /** Started as GPT-2 is. */
    public TransformerConfiguration(int layers, int width, int heads, Double dropout) {
        this(layers, width, heads, dropout, null);
    }
}
