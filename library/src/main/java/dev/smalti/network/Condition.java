package dev.smalti.network;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What blocks with adaptive norms are told of time and class: SiLU(MLP(sines and cosines of time) + a vector of the class).
 * Peebles and Xie 2023, arXiv:2212.09748, section 3.2. [B], [B] -> [B, C]
 */
final class Condition {
    private static final int FREQUENCIES = 128;

    private final Tensor frequencies;
    private final Linear time1;
    private final Linear time2;
    private final Tensor classes;

    /**
     * @param map part of the layers of time
     * @param labels part of the table of classes
     * @param width C
     * @param count number of classes, beside which the table has a vector for no class; 0 for none
     */
    Condition(Parameters map, Parameters labels, long width, long count) {
        this.frequencies =
                Scope.keep(() -> map.table(torch.arange(new Scalar(FREQUENCIES), Tensors.options(ScalarType.Double))
                        .mul(new Scalar(-Math.log(10_000) / FREQUENCIES))
                        .exp()
                        .to(ScalarType.Float)));
        this.time1 = Linear.asPyTorch(map.child(0), 2 * FREQUENCIES, width, true);
        this.time2 = Linear.asPyTorch(map.child(2), width, width, true);
        this.classes = count == 0 ? null : labels.normal("weight", 0.02, count + 1, width);
    }

    /** What an adaptive norm does to normed vectors: x (1 + scale) + shift. Shapes that broadcast -> that of x */
    static Tensor modulate(Tensor x, Tensor shift, Tensor scale) {
        return x.mul(scale.add(new Scalar(1.0))).add(shift);
    }

    /** @param label int64 [B]; null without classes */
    Tensor forward(Tensor time, Tensor label) {
        Tensor angles = time.to(ScalarType.Float).unsqueeze(1).mul(frequencies); // [B, 128]
        Tensor c = time2.forward(torch.silu(time1.forward(Tensors.cat(1, angles.cos(), angles.sin()))));
        return torch.silu(classes == null ? c : c.add(torch.embedding(classes, label)));
    }
}
