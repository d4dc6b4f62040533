package dev.smalti.exchange.onnx;

import dev.smalti.network.CausalLlamaConfiguration;

/** {@link dev.smalti.network.CausalLlama}. */
final class CausalLlamaGraph {
    private final CausalLlamaConfiguration configuration;
    private final DenoiserInputs inputs;
    private final long heads;
    private final long shared; // heads of keys and values
    private final long channels;
    private final OnnxAttention attention;

    CausalLlamaGraph(CausalLlamaConfiguration configuration, DenoiserInputs inputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.heads = configuration.heads();
        this.shared = configuration.keyValueHeads();
        this.channels = configuration.width() / heads;
        this.attention = new OnnxAttention(heads, channels);
    }

    /** Of each token given those before it. -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        OnnxValue table = part.child("cls_embedding").child("embedding_table").weight("weight"); // [C + 1, D]
        OnnxValue first = inputs.label()
                .map(label -> table.rows(label).unsqueeze(1))
                .orElseGet(() -> table.unsqueeze(0).expand(inputs.batch())); // [B, 1, D]
        OnnxValue all = inputs.embedded(part.child("tok_embeddings"), "weight");
        OnnxValue x = first.concat(1, all.slice(1, 0, inputs.length() - 1)); // [B, L, D]
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("layers").child(i), x);
        }
        return part.child("output").linear(part.child("norm").rmsNorm(x));
    }

    private OnnxValue block(OnnxPart part, OnnxValue x) { // [B, L, D]
        OnnxPart attn = part.child("attention");
        OnnxValue all = attn.child("wqkv")
                .linear(part.child("attention_norm").rmsNorm(x))
                .reshape(0, 0, heads + 2 * shared, channels)
                .permute(0, 2, 1, 3); // [B, H + 2 G, L, d]
        OnnxValue turned = OnnxRotary.afterClass(part.graph(), inputs.height(), inputs.width(), channels)
                .turn(all.slice(1, 0, heads + shared));
        OnnxValue mixed = attention.mixCausally(
                turned.slice(1, 0, heads),
                share(turned.slice(1, heads, heads + shared)),
                share(all.slice(1, heads + shared, heads + 2 * shared)),
                inputs.length());
        OnnxValue y = x.plus(attn.child("wo").linear(mixed));
        OnnxPart fed = part.child("feed_forward");
        OnnxValue normed = part.child("ffn_norm").rmsNorm(y);
        OnnxValue hidden =
                fed.child("w1").linear(normed).silu().times(fed.child("w3").linear(normed));
        return y.plus(fed.child("w2").linear(hidden));
    }

    /** [B, G, L, d] -> [B, H, L, d] */
    private OnnxValue share(OnnxValue x) {
        return shared == heads
                ? x
                : x.unsqueeze(2)
                        .expand(x.graph().whole(1, 1, heads / shared, 1, 1))
                        .reshape(0, heads, inputs.length(), channels);
    }
}
