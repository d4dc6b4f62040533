package dev.smalti.exchange.onnx;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** What blocks with adaptive norms are told of time and class, and what they do with it. Letters: C condition, D width. */
final class ConditionGraph {
    private static final int FREQUENCIES = 128;

    private ConditionGraph() {}

    /**
     * SiLU(MLP(sines and cosines of time) + a vector of the class). -> [B, C]
     *
     * @param map part of the layers of time
     * @param labels part of the table of classes
     */
    static OnnxValue told(DenoiserInputs inputs, OnnxPart map, OnnxPart labels) {
        OnnxValue frequencies = map.graph()
                .constant("frequencies", () -> torch.arange(new Scalar(FREQUENCIES), Tensors.options(ScalarType.Double))
                        .mul(new Scalar(-Math.log(10_000) / FREQUENCIES))
                        .exp()
                        .to(ScalarType.Float));
        OnnxValue angles = inputs.time().unsqueeze(1).times(frequencies); // [B, 128]
        OnnxValue c = map.child(0).linear(angles.cos().concat(1, angles.sin())).silu();
        OnnxValue time = map.child(2).linear(c);
        return inputs.label()
                .map(which -> time.plus(labels.weight("weight").rows(which)))
                .orElse(time)
                .silu();
    }

    /** The parts of an adaptive norm's output. [B, n·D] -> n times [B, 1, D] */
    static OnnxValue[] parts(OnnxValue modulation, int parts, long width) {
        OnnxValue row = modulation.unsqueeze(1);
        OnnxValue[] each = new OnnxValue[parts];
        for (int i = 0; i < parts; i++) {
            each[i] = row.slice(2, i * width, (i + 1) * width);
        }
        return each;
    }

    /** x (1 + scale) + shift */
    static OnnxValue modulate(OnnxValue x, OnnxValue shift, OnnxValue scale) {
        return x.times(scale.plus(1)).plus(shift);
    }
}
