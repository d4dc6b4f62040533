package dev.smalti.exchange.onnx;

import dev.smalti.network.TransformerConfiguration;

/** {@link dev.smalti.network.Transformer}, and {@link dev.smalti.network.CausalTransformer} of the same blocks. */
final class TransformerGraph {
    private final TransformerConfiguration configuration;
    private final DenoiserInputs inputs;
    private final OnnxAttention attention;

    TransformerGraph(TransformerConfiguration configuration, DenoiserInputs inputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.attention = new OnnxAttention(configuration.heads(), configuration.width() / configuration.heads());
    }

    /** -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        return stack(part, inputs.embedded(part.child("tok_emb"), "weight"), false);
    }

    /** Of each token given those before it. -> [B, L, K] */
    OnnxValue causalLogits(OnnxPart part) {
        OnnxValue first = part.weight("start_tok").expand(inputs.batch()); // [B, 1, D]
        OnnxValue all = inputs.embedded(part.child("tok_emb"), "weight");
        return stack(part, first.concat(1, all.slice(1, 0, inputs.length() - 1)), true);
    }

    private OnnxValue stack(OnnxPart part, OnnxValue embedded, boolean causal) {
        OnnxValue x = inputs.withClass(embedded.plus(part.weight("pos_emb")), part.child("cls_emb"));
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("blocks").child(i), x, causal);
        }
        return part.child("head").linear(part.child("ln_f").layerNorm(x));
    }

    private OnnxValue block(OnnxPart part, OnnxValue x, boolean causal) { // [B, L, D]
        OnnxPart attn = part.child("attn");
        OnnxValue[] qkv =
                attention.split(attn.child("qkv").linear(part.child("ln1").layerNorm(x)), 3);
        OnnxValue mixed = causal
                ? attention.mixCausally(qkv[0], qkv[1], qkv[2], inputs.length())
                : attention.mix(qkv[0], qkv[1], qkv[2]);
        OnnxValue y = x.plus(attn.child("proj").linear(mixed));
        OnnxPart mlp = part.child("mlp");
        return y.plus(mlp.child(2)
                .linear(mlp.child(0).linear(part.child("ln2").layerNorm(y)).gelu()));
    }
}
