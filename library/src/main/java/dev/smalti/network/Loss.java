package dev.smalti.network;

import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Tensors;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What is minimised, and what is logged beside it.
 *
 * @param total []
 * @param measures by name, each []; without a gradient
 * @param byTime of a method that has times; null otherwise
 */
public record Loss(Tensor total, Map<String, Tensor> measures, ByTime byTime) {
    /** Without times. */
    public Loss(Tensor total, Map<String, Tensor> measures) {
        this(total, measures, null);
    }

    /**
     * Losses of items beside the times at which they were taken.
     *
     * @param share t/T, in [0, 1], where 1 is all noise; [B]
     * @param losses of the items, [B]
     */
    public record ByTime(Tensor share, Tensor losses) {
        /** Equal parts of all times, the i-th of which is (i/10, (i + 1)/10]. */
        public static final int PARTS = 10;

        private static final double ROUNDING = 1e-6; // of ten times a float32: t/T at the end of a part is of that part

        /** Of each part the sum of its losses, and their number; nothing is waited for. float64 [2, 10] */
        public Tensor sums() {
            Tensor part = Devices.send(
                            share.detach()
                                    .to(ScalarType.Double)
                                    .mul(new Scalar((double) PARTS))
                                    .sub(new Scalar(ROUNDING))
                                    .ceil()
                                    .sub(new Scalar(1.0))
                                    .clamp_min(new Scalar(0.0)),
                            losses.device(),
                            ScalarType.Double)
                    .unsqueeze(1); // [B, 1]
            Tensor all = torch.arange(
                    new Scalar((double) PARTS), Tensors.options(ScalarType.Double, losses.device())); // [10]
            Tensor own = losses.detach().to(ScalarType.Double);
            Tensor both = torch.stack(new TensorVector(own, torch.ones_like(own)), 0); // [2, B]
            return both.matmul(part.eq(all).to(ScalarType.Double));
        }
    }
}
