package dev.smalti.exchange.onnx;

import dev.smalti.network.HaltonTransformerConfiguration;

/** {@link dev.smalti.network.HaltonTransformer}. Letters: N places inside the network, registers with them. */
final class HaltonTransformerGraph {
    private final HaltonTransformerConfiguration configuration;
    private final DenoiserInputs inputs;
    private final long outputs;
    private final long width;
    private final long inside;
    private final OnnxAttention attention;

    /** @param outputs K, how many of the tokens are guessed */
    HaltonTransformerGraph(HaltonTransformerConfiguration configuration, DenoiserInputs inputs, long outputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.outputs = outputs;
        this.width = configuration.width();
        long channels = width / configuration.heads();
        this.inside = configuration.heads() * channels;
        this.attention = new OnnxAttention(configuration.heads(), channels);
    }

    /** -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        OnnxValue classes = part.child("cls_emb").weight("weight");
        OnnxValue c = inputs.label()
                .map(classes::rows)
                .orElseGet(() -> classes.slice(0, 0, 1))
                .silu(); // [B, D], or [1, D]
        OnnxValue x = embedded(part); // [B, N, D]
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("transformer").child("layers").child(i), x, c);
        }
        int patch = configuration.patch();
        x = whole(part, x.slice(1, 0, inputs.length() / (patch * patch))); // [B, L, D]
        OnnxPart last = part.child("last_norm");
        OnnxValue[] told = ConditionGraph.parts(last.child("mlp").child(1).linear(c), 2, width);
        OnnxValue y = ConditionGraph.modulate(last.child("norm_final").rmsNorm(x), told[0], told[1]);
        OnnxValue guessed = part.child("tok_emb").weight("weight", ".head", table -> table.narrow(0, 0, outputs)
                .t()
                .contiguous());
        OnnxValue bias = part.child("head").weight("bias", ".head", all -> all.narrow(0, 0, outputs));
        return y.matmul(guessed).plus(bias);
    }

    private OnnxValue embedded(OnnxPart part) {
        OnnxValue x = inputs.embedded(part.child("tok_emb"), "weight")
                .plus(part.child("pos_emb").weight("weight"));
        if (configuration.patch() > 1) {
            OnnxValue grid = grid(x, inputs.height(), inputs.width());
            x = places(part.child("in_proj").convolution(grid, 2, 0));
        }
        if (configuration.registers() == 0) {
            part.graph().leaveOut("reg_tokens.");
            return x;
        }
        OnnxValue registers = part.child("reg_tokens").weight("weight").unsqueeze(0);
        return x.concat(1, registers.expand(inputs.batch()));
    }

    private OnnxValue whole(OnnxPart part, OnnxValue x) {
        if (configuration.patch() == 1) {
            return x;
        }
        OnnxValue merged = grid(x, inputs.height() / 2, inputs.width() / 2);
        return places(part.child("out_proj").convolution(merged, 1, 0).pixelShuffle(2));
    }

    /** [B, h·w, D] -> [B, D, h, w] */
    private OnnxValue grid(OnnxValue x, long height, long wide) {
        return x.permute(0, 2, 1).reshape(0, width, height, wide);
    }

    /** [B, D, h, w] -> [B, h·w, D] */
    private OnnxValue places(OnnxValue x) {
        return x.reshape(0, width, -1).permute(0, 2, 1);
    }

    private OnnxValue block(OnnxPart part, OnnxValue x, OnnxValue c) { // [B, N, D], [B, D]
        OnnxValue[] told =
                ConditionGraph.parts(part.child("mlp").child(1).linear(c), 6, width); // shift, scale, gate; twice
        OnnxValue normed = ConditionGraph.modulate(part.child("ln1").rmsNorm(x), told[0], told[1]);
        OnnxPart attn = part.child("attn");
        OnnxValue q = heads(OnnxPart.rmsNormed(attn.child("wq").linear(normed), inside));
        OnnxValue k = heads(OnnxPart.rmsNormed(attn.child("wk").linear(normed), inside));
        OnnxValue v = heads(attn.child("wv").linear(normed));
        OnnxValue y = x.plus(told[2].times(attn.child("wo").linear(attention.mix(q, k, v))));
        OnnxValue again = ConditionGraph.modulate(part.child("ln2").rmsNorm(y), told[3], told[4]);
        OnnxPart ff = part.child("ff");
        OnnxValue hidden =
                ff.child("w1").linear(again).silu().times(ff.child("w3").linear(again));
        return y.plus(told[5].times(ff.child("w2").linear(hidden)));
    }

    private OnnxValue heads(OnnxValue x) {
        return attention.split(x, 1)[0];
    }
}
