package dev.smalti.network;

import dev.smalti.distributed.Group;
import dev.smalti.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Batch normalisation in training by the statistics of a batch that several processes share, as PyTorch's {@code SyncBatchNorm}. All
 * processes must pass forwards and backwards through the same layers in the same order.
 *
 * <p>Letters: x̂ = (x - μ) / s, y = w x̂ + b, g the gradient of y, n numbers of a channel in all processes:
 *
 * <pre>
 * dL/dx = w / s · (g - (Σ g + x̂ Σ g x̂) / n)        dL/dw = Σ g x̂, dL/db = Σ g over one's own items
 * </pre>
 */
final class SharedBatchNorm implements OwnGradient.Body {
    private static final long[] ALL_BUT_CHANNELS = {0, 2, 3};

    private final Group group; // that of the forward pass: on a card the backward pass runs on another thread
    private Saved saved; // null once it is freed
    private final boolean ofWeights; // or of x alone

    /**
     * Of the forward pass.
     *
     * @param normal x̂, float32 [B, C, H, W]
     * @param slope w / s, float32 [1, C, 1, 1]
     * @param count n
     */
    private record Saved(Tensor normal, Tensor slope, ScalarType type, double count) {}

    private SharedBatchNorm(Group group, Saved saved, boolean ofWeights) {
        this.group = group;
        this.saved = Scope.holdAll(saved);
        this.ofWeights = ofWeights;
    }

    /** [B, C, H, W] -> the same; changes the running statistics, [C] each, by this batch's. */
    static Tensor forward(
            Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor variance, double momentum, double epsilon) {
        Group group = Group.now();
        List<Tensor> inputs = new ArrayList<>();
        inputs.add(x);
        if (weight.requires_grad()) {
            inputs.add(weight);
            inputs.add(bias);
        }
        boolean recorded = GradMode.is_enabled() && x.requires_grad();
        return Scope.keep(() -> {
            Saved saved;
            Tensor output;
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor exact = x.detach().to(ScalarType.Float);
                double count = (double) x.numel() / x.size(1) * group.size();
                Tensor own = summed(group, exact).div(new Scalar(count)); // μ, [1, C, 1, 1]
                Tensor centred = exact.sub(own);
                Tensor spread = summed(group, centred.square()).div(new Scalar(count));
                Tensor slope = spread.add(new Scalar(epsilon)).rsqrt();
                mean.lerp_(own.flatten(), new Scalar(momentum));
                variance.lerp_(spread.flatten().mul(new Scalar(count / (count - 1))), new Scalar(momentum));
                Tensor normal = centred.mul(slope);
                Tensor scale = weight.detach().view(1, -1, 1, 1);
                output = normal.mul(scale).add(bias.detach().view(1, -1, 1, 1)).to(x.scalar_type());
                saved = new Saved(normal, slope.mul(scale), x.scalar_type(), count);
            }
            return recorded
                    ? OwnGradient.of(new SharedBatchNorm(group, saved, inputs.size() > 1), output, inputs)
                    : output;
        });
    }

    /** Over all processes' items and places. [B, C, H, W] -> [1, C, 1, 1] */
    private static Tensor summed(Group group, Tensor values) {
        Tensor sum = ownSum(values);
        group.sum(List.of(sum));
        return sum;
    }

    private static Tensor ownSum(Tensor values) {
        return values.sum(ALL_BUT_CHANNELS, true, new ScalarTypeOptional());
    }

    @Override
    public List<Tensor> backward(Tensor gradient) {
        Tensor g = gradient.to(ScalarType.Float);
        Tensor sum = ownSum(g);
        Tensor product = ownSum(g.mul(saved.normal()));
        Tensor sums = sum.clone();
        Tensor products = product.clone();
        group.sum(List.of(sums, products));
        Tensor x = g.sub(sums.add(saved.normal().mul(products)).div(new Scalar(saved.count())))
                .mul(saved.slope())
                .to(saved.type());
        return ofWeights ? List.of(x, product.flatten(), sum.flatten()) : List.of(x);
    }

    @Override
    public void close() {
        Scope.releaseAll(saved);
        saved = null;
    }
}
