package dev.smalti.exchange.onnx;

import dev.smalti.network.VqDiffusionTransformer;
import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Activation;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Positions;
import dev.smalti.network.VqDiffusionTransformerConfiguration.Times;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** {@link VqDiffusionTransformer}. */
final class VqDiffusionTransformerGraph {
    private static final double EPSILON = 1e-5;

    private final VqDiffusionTransformerConfiguration configuration;
    private final DenoiserInputs inputs;
    private final long width;
    private final OnnxAttention attention;

    VqDiffusionTransformerGraph(VqDiffusionTransformerConfiguration configuration, DenoiserInputs inputs) {
        this.configuration = configuration;
        this.inputs = inputs;
        this.width = configuration.width();
        this.attention = new OnnxAttention(configuration.heads(), width / configuration.heads());
    }

    /** -> [B, L, K] */
    OnnxValue logits(OnnxPart part) {
        OnnxPart content = part.child("content_emb");
        OnnxValue x = inputs.embedded(content.child("emb"), "weight").plus(positions(content)); // [B, L, D]
        boolean learnt = inputs.steps() > 0 && configuration.times() == Times.LEARNT;
        OnnxValue now = learnt ? inputs.time().cast(OnnxType.INT64) : sinusoids(part.graph());
        for (int i = 0; i < configuration.layers(); i++) {
            x = block(part.child("blocks").child(i), x, now);
        }
        OnnxPart last = part.child("to_logits");
        return last.child(1).linear(last.child(0).layerNorm(x));
    }

    private OnnxValue positions(OnnxPart content) {
        if (configuration.positions() == Positions.SINUSOIDAL) {
            return content.graph().constant("sines", () -> VqDiffusionTransformer.sines(inputs.length(), width));
        }
        OnnxValue rows = content.child("height_emb").weight("weight").unsqueeze(1); // [h, 1, D]
        OnnxValue columns = content.child("width_emb").weight("weight").unsqueeze(0); // [1, w, D]
        return rows.plus(columns).reshape(1, inputs.length(), width);
    }

    /** -> [B, D] */
    private OnnxValue sinusoids(OnnxGraph graph) {
        long half = width / 2;
        OnnxValue frequencies =
                graph.constant("frequencies", () -> torch.arange(new Scalar(half), Tensors.options(ScalarType.Float))
                        .mul(new Scalar(-Math.log(10000) / Math.max(1, half - 1)))
                        .exp());
        double unit = configuration.timeScale() / Math.max(1, inputs.steps());
        OnnxValue phase = inputs.time().times(unit).unsqueeze(1).times(frequencies);
        return phase.sin().concat(1, phase.cos());
    }

    /** @param which an index of the table, [B], or where there is none an embedding, [B, D] */
    private OnnxValue adaptiveNorm(OnnxPart part, OnnxValue x, OnnxValue which) { // [B, L, D]
        OnnxPart table = part.child("emb");
        OnnxValue embedding = table.has("weight") ? table.weight("weight").rows(which) : which; // [B, D]
        OnnxValue[] told = ConditionGraph.parts(part.child("linear").linear(embedding.silu()), 2, width);
        OnnxValue normed = x.layerNorm(part.graph().reals(1, width), null, EPSILON);
        return ConditionGraph.modulate(normed, told[1], told[0]);
    }

    private OnnxValue block(OnnxPart part, OnnxValue x, OnnxValue now) { // [B, L, D]
        OnnxPart attn = part.child("attn");
        OnnxValue[] qkv = attention.split(attn.child("qkv").linear(adaptiveNorm(part.child("ln1"), x, now)), 3);
        OnnxValue y = x.plus(attn.child("proj").linear(attention.mix(qkv[0], qkv[1], qkv[2])));
        OnnxValue normed = inputs.label()
                .map(label -> adaptiveNorm(part.child("ln2"), y, label))
                .orElseGet(() -> part.child("ln2").layerNorm(y));
        return y.plus(feedForward(part.child("mlp"), normed));
    }

    private OnnxValue feedForward(OnnxPart part, OnnxValue x) { // [B, L, D]
        if (!configuration.convolution()) {
            return part.child(2).linear(activated(part.child(0).linear(x)));
        }
        OnnxValue grid = x.permute(0, 2, 1).reshape(0, width, inputs.height(), inputs.width()); // [B, D, h, w]
        OnnxValue fed =
                part.child("conv2").convolution(activated(part.child("conv1").convolution(grid, 1, 1)), 1, 1);
        return fed.reshape(0, width, -1).permute(0, 2, 1);
    }

    /** GELU, or x σ(1.702 x), which is near it. */
    private OnnxValue activated(OnnxValue x) {
        return configuration.activation() == Activation.GELU
                ? x.gelu()
                : x.times(x.times(1.702).sigmoid());
    }
}
