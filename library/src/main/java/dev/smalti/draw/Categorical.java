package dev.smalti.draw;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * A draw from a categorical distribution by the inverse of its distribution function: the first code k at which p_1 + ... + p_k
 * exceeds u, with one uniform number for K codes. In float64: u is a multiple of 2⁻⁵³, so that a code as rare as that is still
 * drawn, and sums of many codes keep their tails.
 */
public final class Categorical {
    /** What {@link #drawOrNone} gives in place of a code. */
    public static final long NONE = -1;

    private static final double BELOW_ONE = Math.nextDown(1.0);

    private Categorical() {}

    /**
     * Never a code of probability 0.
     *
     * @param logProbabilities up to a number of each row, float64 [M, K], -∞ where a code is left out
     * @param u uniform numbers in [0, 1), float64 [M]
     * @return int64 [M]
     * @throws ArithmeticException if a row has a probability that is no number, or none above 0
     */
    public static Tensor draw(Tensor logProbabilities, Tensor u) {
        Tensor sums = sums(logProbabilities);
        if (!last(sums).isfinite().all().item_bool()) {
            throw noNumbers();
        }
        return search(sums, u);
    }

    /** The same, but {@link #NONE} for a row that {@link #draw} would throw at: nothing is read, so a GPU isn't waited for. */
    public static Tensor drawOrNone(Tensor logProbabilities, Tensor u) {
        Tensor sums = sums(logProbabilities);
        Tensor flawed = last(sums).isfinite().logical_not().squeeze(1); // [M]
        return search(sums, u).masked_fill(flawed, new Scalar(NONE));
    }

    /** Of probabilities that are no numbers. */
    public static ArithmeticException noNumbers() {
        return new ArithmeticException(
                "probabilities must be numbers, and some that the network gives are none: its weights"
                        + " may have diverged, or its precision may be too low for them (take fp32)");
    }

    /** Of the probabilities of the codes up to each, in units of the greatest. [M, K] */
    private static Tensor sums(Tensor logProbabilities) {
        Tensor most = logProbabilities.amax(new long[] {-1}, true); // [M, 1]
        return logProbabilities.sub(most).exp().cumsum(-1);
    }

    private static Tensor last(Tensor sums) {
        return sums.narrow(1, sums.size(1) - 1, 1);
    }

    private static Tensor search(Tensor sums, Tensor u) {
        Tensor total = last(sums); // [M, 1]
        Tensor reached = u.clamp_max(new Scalar(BELOW_ONE)).unsqueeze(1).mul(total); // below the total
        reached = torch.minimum(reached, total.mul(new Scalar(BELOW_ONE)));
        return torch.searchsorted(
                        sums,
                        reached,
                        false,
                        true /* the first above */,
                        new StringViewOptional(),
                        new TensorOptional())
                .squeeze(1);
    }
}
