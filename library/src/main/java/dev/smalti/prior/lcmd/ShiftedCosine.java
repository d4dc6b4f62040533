package dev.smalti.prior.lcmd;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * How the signal-to-noise ratio falls with time: λ(t) = -2 ln tan(πt/2) + 2 ln s, kept within ±limit. Hoogeboom et al. 2023,
 * arXiv:2301.11093, eq. 6; the cosine schedule of Nichol and Dhariwal at s = 1.
 *
 * @param shift s, below 1 there is more noise at the same time, so that a larger part of training is spent where little is
 *     known; above 0; 0.5 if left out. The paper's value is not in its text
 * @param limit the greatest |λ|; (0, 50]; 15 if left out
 */
public record ShiftedCosine(Double shift, Double limit) {
    public ShiftedCosine {
        shift = shift == null ? 0.5 : shift;
        limit = limit == null ? 15.0 : limit;
        if (!(shift > 0) || Double.isInfinite(shift)) {
            throw new IllegalArgumentException("shift must be above 0, got " + shift);
        }
        if (!(limit > 0) || limit > 50) {
            throw new IllegalArgumentException("limit must be above 0 and at most 50, got " + limit);
        }
    }

    /** At times in [0, 1], float64 [B]. */
    NoiseLevel at(Tensor t) {
        Tensor lambda = t.mul(new Scalar(Math.PI / 2))
                .tan()
                .abs() // tan(π/2) may come out as a huge number of either sign
                .log()
                .mul(new Scalar(-2.0))
                .add(new Scalar(2 * Math.log(shift)));
        return new NoiseLevel(lambda.clamp_min(new Scalar(-limit)).clamp_max(new Scalar(limit)));
    }

    /** The time of a level that is not beyond the limit. [B] -> [B] */
    private Tensor time(Tensor lambda) {
        return lambda.mul(new Scalar(-0.5)).exp().mul(new Scalar(shift)).atan().mul(new Scalar(2 / Math.PI));
    }

    /**
     * Times for an integral over λ: half of their levels even in λ from -limit to limit, half even in time.
     *
     * @param u even in [0, 1), float64 [B]
     * @return float64 [B]
     */
    Tensor times(Tensor u) {
        Tensor even = time(u.mul(new Scalar(4 * limit)).sub(new Scalar(limit))); // for u below a half
        Tensor ends = time(Tensors.doubles(limit, -limit));
        Tensor t = ends.select(0, 0)
                .add(ends.select(0, 1)
                        .sub(ends.select(0, 0))
                        .mul(u.mul(new Scalar(2.0)).sub(new Scalar(1.0))));
        return torch.where(u.lt(new Scalar(0.5)), even, t);
    }

    /** The share of {@link #times} that are not above others, float64 [B] -> [B] */
    Tensor below(Tensor t) {
        Tensor levels = at(t).lambda().div(new Scalar(-2 * limit)).add(new Scalar(0.5)); // from 0 at λ = limit to 1
        Tensor first = time(Tensors.doubles(limit));
        Tensor times = t.sub(first)
                .div(new Scalar(length()))
                .clamp_min(new Scalar(0.0))
                .clamp_max(new Scalar(1.0));
        return levels.add(times).mul(new Scalar(0.5));
    }

    /** How dense the levels of {@link #times} are in λ. [B] -> [B] */
    Tensor density(NoiseLevel level) {
        return perLevel(level).div(new Scalar(2 * length())).add(new Scalar(1 / (4 * limit)));
    }

    /** How dense levels of even times are, compared with those of {@link #times}; at most 2. [B] -> [B] */
    Tensor evenness(NoiseLevel level) {
        return perLevel(level).div(density(level));
    }

    /** -dt/dλ of a level that is not beyond the limit. [B] -> [B] */
    Tensor perLevel(NoiseLevel level) {
        return time(level.lambda()).mul(new Scalar(Math.PI)).sin().div(new Scalar(2 * Math.PI));
    }

    /** Time from one limit to the other, a little less than 1. */
    private double length() {
        Tensor ends = time(Tensors.doubles(limit, -limit));
        return ends.select(0, 1).sub(ends.select(0, 0)).item_double();
    }
}
