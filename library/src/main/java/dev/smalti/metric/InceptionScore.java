package dev.smalti.metric;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * How sure a classifier is of each image, and of how many classes: exp(mean KL(p(y|x) ‖ p(y))), from 1 to the number of
 * classes K. Salimans et al. 2016, arXiv:1606.03498, section 4. It sees no real images.
 *
 * <p>The score of a split, a part of the images, is lower than that of all. Splits are cut in the order given, so
 * images that lie sorted by class must be shuffled before.
 */
public final class InceptionScore {
    private InceptionScore() {}

    /**
     * From the logits of a classifier, in {@code splits} parts, usually 10. [N, K]
     *
     * @throws IllegalArgumentException if a logit isn't finite, or there are fewer images than splits or no splits
     */
    public static Estimate ofLogits(Tensor logits, int splits) {
        if (splits < 1) {
            throw new IllegalArgumentException("splits must be at least 1, got " + splits);
        }
        Features.check("logits", logits, splits);
        long n = logits.size(0);
        double[] scores = new double[splits];
        Arrays.setAll(
                scores,
                i -> Scope.value(() -> {
                    long start = i * n / splits;
                    return score(logits.narrow(0, start, (i + 1) * n / splits - start));
                }));
        return Estimate.over(scores);
    }

    /** mean KL(p ‖ p̄) = mean Σ p log p - Σ p̄ log p̄, with 0 log 0 = 0. [N, K] */
    private static double score(Tensor logits) {
        double n = logits.size(0);
        Tensor sum = torch.zeros(new long[] {logits.size(1)}, Tensors.options(ScalarType.Double, logits.device()));
        double[] certainty = {0};
        Features.blocks(logits, (block, start) -> {
            Tensor p = block.softmax(1); // [n, K]
            sum.add_(p.sum(0));
            certainty[0] += torch.xlogy(p, p).sum().item_double();
        });
        Tensor marginal = sum.div(new Scalar(n)); // [K]
        return Math.exp(certainty[0] / n - torch.xlogy(marginal, marginal).sum().item_double());
    }
}
