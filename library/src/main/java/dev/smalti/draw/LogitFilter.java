package dev.smalti.draw;

import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Changes to a categorical distribution before it is drawn from, those of one step: first the temperature, then the filters.
 *
 * @param temperature divides the logits, above 0; 1 changes nothing
 * @param filters which codes are left out
 */
public record LogitFilter(double temperature, Filters filters) {
    /** Changes nothing. */
    public static final LogitFilter NONE = new LogitFilter(1, Filters.NONE);

    private static final double LEAST = -1e4; // where p ln p is 0 all the same

    /** Without the rule of typical codes. */
    public LogitFilter(double temperature, int topK, double topP) {
        this(temperature, topK, topP, 1);
    }

    /** Of all that filters are made of. */
    public LogitFilter(double temperature, int topK, double topP, double typical) {
        this(temperature, new Filters(topK, topP, typical));
    }

    /** @throws IllegalArgumentException if the temperature is not above 0 */
    public LogitFilter {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature must be above 0, got " + temperature);
        }
    }

    /** Log-probabilities in float64, -∞ where a code is left out. [M, K] -> [M, K] */
    public Tensor logProbabilities(Tensor logits) {
        Scalar never = new Scalar(Double.NEGATIVE_INFINITY);
        Tensor log = torch.log_softmax(logits.to(ScalarType.Double).div(new Scalar(temperature)), -1);
        int topK = filters.topK();
        if (topK > 0 && topK < log.size(-1)) {
            T_TensorTensor_T best = log.topk(topK, -1, true, true); // exactly so many, where some are alike too
            Tensor none = torch.full_like(log, never);
            log = torch.log_softmax(none.scatter_(-1, best.get1(), best.get0()), -1);
        }
        if (filters.topP() < 1) {
            log = fewest(log, log, filters.topP());
        }
        if (filters.typical() < 1) {
            Tensor surprise = log.exp().mul(log.clamp_min(new Scalar(LEAST))).neg(); // -p ln p
            Tensor distance = log.neg().sub(surprise.sum(-1).unsqueeze(-1)).abs();
            log = fewest(log, distance.neg(), filters.typical());
        }
        return log;
    }

    /** Keeps the fewest codes, those with the highest rank first, that together have probability {@code share}. */
    private static Tensor fewest(Tensor log, Tensor rank, double share) {
        Tensor order = rank.sort(new BoolOptional(true), -1, true).get1();
        Tensor sorted = log.gather(-1, order);
        Tensor p = sorted.exp();
        Tensor beyond = p.cumsum(-1).sub(p).ge(new Scalar(share)); // what precedes is enough
        Tensor kept = sorted.masked_fill(beyond, new Scalar(Double.NEGATIVE_INFINITY));
        return torch.log_softmax(torch.empty_like(log).scatter_(-1, order, kept), -1);
    }

    /** The same with another topP. */
    public LogitFilter topP(double topP) {
        return new LogitFilter(temperature, new Filters(filters.topK(), topP, filters.typical()));
    }
}
