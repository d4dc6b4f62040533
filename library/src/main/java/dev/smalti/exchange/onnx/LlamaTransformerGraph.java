package dev.smalti.exchange.onnx;

import dev.smalti.network.LlamaTransformerConfiguration;

/** {@link dev.smalti.network.LlamaTransformer} of tokens. */
final class LlamaTransformerGraph {
    private final LlamaTransformerConfiguration configuration;
    private final DenoiserInputs inputs;
    private final long width;
    private final OnnxAttention attention;

    LlamaTransformerGraph(LlamaTransformerConfiguration configuration, DenoiserInputs inputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.width = configuration.width();
        this.attention = new OnnxAttention(configuration.heads(), width / configuration.heads());
    }

    /** -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        OnnxValue c = ConditionGraph.told(inputs, part.child("time"), part.child("classes")); // [B, D]
        OnnxValue x = inputs.embedded(part.child("embed"), "embedding").plus(part.weight("positions")); // [B, L, D]
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("blocks").child(i), x, c);
        }
        OnnxValue[] told = ConditionGraph.parts(part.child("last_modulation").linear(c), 2, width);
        OnnxValue last = ConditionGraph.modulate(part.child("last_norm").rmsNorm(x), told[0], told[1]);
        return part.child("head").linear(last);
    }

    private OnnxValue block(OnnxPart part, OnnxValue x, OnnxValue c) { // [B, L, D], [B, D]
        OnnxValue[] told = ConditionGraph.parts(part.child("modulation").linear(c), 6, width);
        OnnxValue normed = ConditionGraph.modulate(part.child("norm1").rmsNorm(x), told[0], told[1]);
        OnnxValue[] qkv = attention.split(part.child("qkv").linear(normed), 3);
        OnnxValue mixed = configuration.rotary()
                ? attention.mix(turned(part.graph(), qkv[0]), turned(part.graph(), qkv[1]), qkv[2])
                : attention.mix(qkv[0], qkv[1], qkv[2]);
        OnnxValue y = x.plus(told[2].times(part.child("out").linear(mixed)));
        OnnxValue again = ConditionGraph.modulate(part.child("norm2").rmsNorm(y), told[3], told[4]);
        OnnxValue hidden =
                part.child("gate").linear(again).silu().times(part.child("up").linear(again));
        return y.plus(told[5].times(part.child("down").linear(hidden)));
    }

    private OnnxValue turned(OnnxGraph graph, OnnxValue x) {
        return OnnxRotary.grid(graph, inputs.height(), inputs.width(), width / configuration.heads())
                .turn(x);
    }
}
