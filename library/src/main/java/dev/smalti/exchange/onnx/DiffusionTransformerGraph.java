package dev.smalti.exchange.onnx;

import dev.smalti.network.DiffusionTransformerConfiguration;

/** {@link dev.smalti.network.DiffusionTransformer}. */
final class DiffusionTransformerGraph {
    private static final double EPSILON = 1e-5;

    private final DiffusionTransformerConfiguration configuration;
    private final DenoiserInputs inputs;
    private final long width;
    private final OnnxAttention attention;

    DiffusionTransformerGraph(DiffusionTransformerConfiguration configuration, DenoiserInputs inputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.width = configuration.width();
        this.attention = new OnnxAttention(configuration.heads(), width / configuration.heads());
    }

    /** -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        OnnxValue c =
                ConditionGraph.told(inputs, part.child("sigma_map").child("mlp"), part.child("label_embed")); // [B, C]
        OnnxValue x = inputs.embedded(part.child("vocab_embed"), "embedding"); // [B, L, D]
        x = configuration.learntPositions() ? x.plus(part.child("pos_embed").weight("embedding")) : x;
        OnnxRotary rotary = rotary(part.graph());
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("blocks").child(i), x, c, rotary);
        }
        OnnxPart output = part.child("output_layer");
        OnnxValue[] last = ConditionGraph.parts(output.child("adaLN_modulation").linear(c), 2, width);
        return output.child("linear").linear(modulate(output.child("norm_final"), x, last[0], last[1]));
    }

    private OnnxRotary rotary(OnnxGraph graph) {
        long channels = width / configuration.heads();
        return switch (configuration.positions()) {
            case ROTARY_1D -> OnnxRotary.line(graph, inputs.length(), channels);
            case ROTARY_2D -> OnnxRotary.grid(graph, inputs.height(), inputs.width(), channels);
        };
    }

    private static OnnxValue modulate(OnnxPart norm, OnnxValue x, OnnxValue shift, OnnxValue scale) {
        return ConditionGraph.modulate(x.layerNorm(norm.weight("weight"), null, EPSILON), shift, scale);
    }

    private OnnxValue block(OnnxPart part, OnnxValue x, OnnxValue c, OnnxRotary rotary) { // [B, L, D], [B, C]
        OnnxValue[] told = ConditionGraph.parts(part.child("adaLN_modulation").linear(c), 6, width);
        OnnxValue normed = modulate(part.child("norm1"), x, told[0], told[1]);
        OnnxValue[] qkv = attention.split(part.child("attn_qkv").linear(normed), 3);
        OnnxValue mixed = attention.mix(rotary.turn(qkv[0]), rotary.turn(qkv[1]), qkv[2]);
        OnnxValue y = x.plus(told[2].times(part.child("attn_out").linear(mixed)));
        OnnxPart mlp = part.child("mlp");
        OnnxValue raised = mlp.child(0)
                .linear(modulate(part.child("norm2"), y, told[3], told[4]))
                .geluByTanh();
        return y.plus(told[5].times(mlp.child(2).linear(raised)));
    }
}
