package dev.smalti.exchange.onnx;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;

/** The weights whose names begin alike, and the layers that they are of; as {@link dev.smalti.network.Parameters} has parts. */
record OnnxPart(OnnxGraph graph, String prefix) {
    private static final double GROUP_EPSILON = 1e-6;
    private static final double EPSILON = 1e-5;
    private static final int MOST_GROUPS = 32;

    OnnxPart child(String name) {
        return new OnnxPart(graph, prefix + name + ".");
    }

    OnnxPart child(int index) {
        return child(Integer.toString(index));
    }

    boolean has(String name) {
        return graph.has(prefix + name);
    }

    long[] shape(String name) {
        return graph.shape(prefix + name);
    }

    OnnxValue weight(String name) {
        return graph.weight(prefix + name);
    }

    /** @param suffix tells it from the same weight unchanged */
    OnnxValue weight(String name, String suffix, UnaryOperator<Tensor> change) {
        return graph.weight(prefix + name, suffix, change);
    }

    /** Null without. */
    OnnxValue bias() {
        return has("bias") ? weight("bias") : null;
    }

    /** x Wᵀ + b. [..., in] -> [..., out] */
    OnnxValue linear(OnnxValue x) {
        OnnxValue product = x.matmul(weight("weight", ".t", tensor -> tensor.t().contiguous()));
        return has("bias") ? product.plus(weight("bias")) : product;
    }

    /** [B, in, H, W] -> [B, out, H', W'] */
    OnnxValue convolution(OnnxValue x, long stride, long padding) {
        return x.convolve(weight("weight"), bias(), stride, padding);
    }

    /** As {@link dev.smalti.network.GroupNorm}. [B, C, H, W] -> the same */
    OnnxValue groupNorm(OnnxValue x) {
        long channels = shape("weight")[0];
        long groups = Math.min(MOST_GROUPS, channels);
        while (channels % groups != 0) {
            groups--;
        }
        OnnxValue normed =
                x.reshape(0, groups, -1).normaliseEach(groups, GROUP_EPSILON).reshapeAs(x);
        return normed.times(column("weight")).plus(column("bias"));
    }

    private OnnxValue column(String name) {
        return weight(name, ".column", tensor -> tensor.view(-1, 1, 1));
    }

    /** As {@link dev.smalti.network.LayerNorm}. [..., D] -> the same */
    OnnxValue layerNorm(OnnxValue x) {
        return x.layerNorm(weight("weight"), bias(), EPSILON);
    }

    /** As {@link dev.smalti.network.RmsNorm}. [..., D] -> the same */
    OnnxValue rmsNorm(OnnxValue x) {
        OnnxValue normed = rmsNormed(x, shape("weight")[0]).times(weight("weight"));
        return has("bias") ? normed.plus(weight("bias")) : normed;
    }

    /** The same without weights. */
    static OnnxValue rmsNormed(OnnxValue x, long width) {
        return x.over(x.times(x).sum().times(1.0 / width).plus(EPSILON).sqrt());
    }
}
