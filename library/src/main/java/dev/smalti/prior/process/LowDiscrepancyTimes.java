package dev.smalti.prior.process;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Numbers for the grids of a batch that are spread evenly over a range, so that a mean over them varies little. */
public final class LowDiscrepancyTimes {
    private LowDiscrepancyTimes() {}

    /** Uniform numbers in [0, 1), one in each of B equal parts of it, dealt out at random. float64 [B] */
    public static Tensor numbers(Generator generator, long batch) {
        return WholeBatch.own(batch, all -> {
            Tensor part = Tensors.uniform(generator, all).argsort().to(ScalarType.Double);
            return part.add(Tensors.uniform(generator, 1)).div(new Scalar((double) all));
        });
    }

    /** Whole numbers of 1..most. int64 [B] */
    public static Tensor times(Generator generator, long batch, long most) {
        return numbers(generator, batch)
                .mul(new Scalar((double) most))
                .to(ScalarType.Long)
                .add(new Scalar(1L));
    }
}
