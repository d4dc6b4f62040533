package dev.smalti.metric.classifier;

import dev.smalti.network.Convolution;
import dev.smalti.network.GroupNorm;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * x + conv(swish(norm(conv(swish(norm(x)))))), of half the size if {@code stride} is 2, odd sizes rounded up. He et al. 2016,
 * arXiv:1603.05027, figure 1b. [B, in, H, W] -> [B, out, H / stride, W / stride].
 */
final class BasicBlock {
    private static final long GROUP = 16; // channels normalised together; of one alone no mean would be left to see

    private final GroupNorm norm1;
    private final Convolution conv1;
    private final GroupNorm norm2;
    private final Convolution conv2;
    private final Convolution shortcut;
    private final long stride;

    BasicBlock(Parameters parameters, long in, long out, long stride) {
        this.stride = stride;
        norm1 = norm(parameters.child("norm1"), in);
        conv1 = new Convolution(parameters.child("conv1"), in, out, 3, stride, 1);
        norm2 = norm(parameters.child("norm2"), out);
        conv2 = new Convolution(parameters.child("conv2"), out, out, 3, 1, 1);
        shortcut = in == out ? null : new Convolution(parameters.child("shortcut"), in, out, 1, 1, 0);
    }

    static GroupNorm norm(Parameters parameters, long channels) {
        return new GroupNorm(parameters, channels, Math.max(1, channels / GROUP));
    }

    Tensor forward(Tensor x) {
        return Scope.keep(() -> {
            Tensor h = conv1.forward(torch.silu(norm1.forward(x)));
            h = conv2.forward(torch.silu(norm2.forward(h)));
            Tensor passed = stride == 1 ? x : halved(x);
            return (shortcut == null ? passed : shortcut.forward(passed)).add(h);
        });
    }

    private static Tensor halved(Tensor x) {
        long[] two = {2, 2};
        return torch.avg_pool2d(x, two, two, new long[] {0, 0}, true, false, new LongOptional());
    }
}
