package dev.smalti.metric;

import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** How far two maps of one layer's features are apart, whatever their magnitude. */
public final class FeatureMaps {
    private static final double EPSILON = 1e-10;

    private FeatureMaps() {}

    /**
     * (f/|f| - g/|g|)², where |·| is the length over channels, as a mean over places; in float32 and differentiable. Zhang
     * et al. 2018, equation 1, before its weights. ε = 1e-10 stands inside the root, √(Σ f² + ε): beside it the gradient is
     * not a number where all channels are 0. [B, C, h, w], [B, C, h, w] -> [B, C]
     */
    public static Tensor distance(Tensor f, Tensor g) {
        return Scope.keep(() -> unit(f).sub(unit(g)).square().mean(2, 3));
    }

    /** f/|f|, the same ε; float32. [B, C, h, w] -> [B, C, h, w] */
    public static Tensor unit(Tensor map) {
        Tensor f = map.to(ScalarType.Float);
        Tensor length = f.square()
                .sum(new long[] {1}, true, null)
                .add(new Scalar(EPSILON))
                .sqrt(); // [B, 1, h, w]
        return f.div(length);
    }
}
