package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Group normalisation, eps 1e-6 as VQGAN. [B, C, H, W] -> the same. */
public final class GroupNorm {
    private final Tensor weight;
    private final Tensor bias;
    private final long groups;

    /** At most 32 groups. */
    public GroupNorm(Parameters parameters, long channels) {
        this(parameters, channels, 32);
    }

    /** The largest number of groups that divides the channels and is at most {@code most}. */
    public GroupNorm(Parameters parameters, long channels, long most) {
        this.weight = parameters.constant("weight", 1, channels);
        this.bias = parameters.constant("bias", 0, channels);
        long divisor = Math.min(most, channels);
        while (channels % divisor != 0) {
            divisor--;
        }
        this.groups = divisor;
    }

    public Tensor forward(Tensor x) {
        return torch.group_norm(x, groups, Tensors.optional(weight), Tensors.optional(bias), 1e-6, false);
    }
}
