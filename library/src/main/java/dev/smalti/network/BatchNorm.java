package dev.smalti.network;

import dev.smalti.distributed.Group;
import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Batch normalisation over images: statistics of the batch in training (and a running average of them, momentum 0.1), the
 * running statistics otherwise. [B, C, H, W] -> the same. The batch is the whole one, where several processes share it.
 */
public final class BatchNorm {
    private static final double MOMENTUM = 0.1;
    private static final double EPSILON = 1e-5;

    private final Parameters parameters;
    private final Tensor weight;
    private final Tensor bias;
    private final Tensor mean;
    private final Tensor variance;
    private final Tensor batches;

    /** Weights from N(1, deviation²), zero bias. */
    public BatchNorm(Parameters parameters, long channels, double deviation) {
        this.parameters = parameters;
        this.weight = parameters.normal("weight", deviation, channels);
        shift(weight);
        this.bias = parameters.constant("bias", 0, channels);
        this.mean = parameters.buffer("running_mean", channels);
        this.variance = parameters.frozen().constant("running_var", 1, channels);
        this.batches =
                parameters.buffer("num_batches_tracked", Tensors.filled(0).reshape());
    }

    private static void shift(Tensor weight) {
        try (org.bytedeco.pytorch.NoGradGuard guard = new org.bytedeco.pytorch.NoGradGuard()) {
            weight.add_(new Scalar(1.0));
        }
    }

    public Tensor forward(Tensor x) {
        boolean training = parameters.training();
        if (training) {
            batches.add_(new Scalar(1));
        }
        if (training && Group.now().size() > 1) {
            return SharedBatchNorm.forward(x, weight, bias, mean, variance, MOMENTUM, EPSILON);
        }
        return torch.batch_norm(
                x,
                Tensors.optional(weight),
                Tensors.optional(bias),
                Tensors.optional(mean),
                Tensors.optional(variance),
                training,
                MOMENTUM,
                EPSILON,
                false);
    }
}
