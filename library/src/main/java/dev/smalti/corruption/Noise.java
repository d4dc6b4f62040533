package dev.smalti.corruption;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * How fast tokens are lost in continuous time t in [0, 1]: σ(t) is the noise up to then, so that a token is touched with
 * probability 1 - e^-σ(t), and σ'(t) its rate. Lou et al. 2024, arXiv:2310.16834, appendix C.1.
 *
 * @param shape the curve of σ; {@code log_linear} if left out
 * @param epsilon what keeps the end from infinity, at t = 1 about this share of tokens is untouched, not of
 *     {@code geometric}; (0, 1); 0.001 if left out
 * @param minimum σ(0) of {@code geometric}; above 0; 0.0001 if left out
 * @param maximum σ(1) of {@code geometric}; above the minimum; 20 if left out
 */
public record Noise(Shape shape, Double epsilon, Double minimum, Double maximum) {
    /** σ as a function of t; ε is {@link #epsilon}. */
    public enum Shape {
        /** -ln(1 - (1 - ε) t): the share of touched tokens grows linearly. */
        LOG_LINEAR,
        /** minimum^(1-t)·maximum^t */
        GEOMETRIC,
        /**
         * -ln(1 - (1 - ε) sin(πt/2)): the share of touched tokens is a sine, which is MaskGIT's cosine with time reversed.
         * <i>Discrete Diffusion for Image Generation</i> names a log-sin schedule and does not define it; this is our reading.
         */
        LOG_SIN,
        /** -ln(ε + (1 - ε) cos(πt/2)). Sahoo et al. 2024, arXiv:2406.07524, appendix E.1 */
        COSINE,
        /** -ln(ε + (1 - ε) cos²(πt/2)). The same. */
        COSINE_SQUARED
    }

    public Noise {
        shape = shape == null ? Shape.LOG_LINEAR : shape;
        epsilon = epsilon == null ? 1e-3 : epsilon;
        minimum = minimum == null ? 1e-4 : minimum;
        maximum = maximum == null ? 20.0 : maximum;
        if (!(epsilon > 0 && epsilon < 1)) {
            throw new IllegalArgumentException("epsilon must be in (0, 1), got " + epsilon);
        }
        if (!(minimum > 0 && maximum > minimum) || Double.isInfinite(maximum)) {
            throw new IllegalArgumentException(
                    "minimum and maximum must be above 0 and in this order, got " + minimum + " and " + maximum);
        }
    }

    /** The curve with its usual constants. */
    public static Noise of(Shape shape) {
        return new Noise(shape, null, null, null);
    }

    /** σ(t). Any shape, t in [0, 1] -> the same */
    public Tensor total(Tensor t) {
        return switch (shape) {
            case LOG_LINEAR -> t.mul(new Scalar(epsilon - 1)).log1p().neg();
            case GEOMETRIC ->
                t.mul(new Scalar(Math.log(maximum / minimum))).exp().mul(new Scalar(minimum));
            case LOG_SIN ->
                quarter(t).sin().mul(new Scalar(epsilon - 1)).log1p().neg();
            case COSINE, COSINE_SQUARED -> left(t).log().neg();
        };
    }

    /** σ'(t). Any shape, t in [0, 1] -> the same */
    public Tensor rate(Tensor t) {
        return switch (shape) {
            case LOG_LINEAR -> {
                Tensor left = t.mul(new Scalar(epsilon - 1)).add(new Scalar(1.0));
                yield left.reciprocal().mul(new Scalar(1 - epsilon));
            }
            case GEOMETRIC -> total(t).mul(new Scalar(Math.log(maximum / minimum)));
            case LOG_SIN -> {
                Tensor left = quarter(t).sin().mul(new Scalar(epsilon - 1)).add(new Scalar(1.0));
                yield quarter(t).cos().div(left).mul(new Scalar((1 - epsilon) * Math.PI / 2));
            }
            case COSINE -> quarter(t).sin().div(left(t)).mul(new Scalar((1 - epsilon) * Math.PI / 2));
            case COSINE_SQUARED ->
                torch.sin(t.mul(new Scalar(Math.PI))).div(left(t)).mul(new Scalar((1 - epsilon) * Math.PI / 2));
        };
    }

    /** The share that cosine schedules leave untouched. */
    private Tensor left(Tensor t) {
        Tensor cos = quarter(t).cos();
        Tensor share = shape == Shape.COSINE ? cos : cos.mul(cos);
        return share.mul(new Scalar(1 - epsilon)).add(new Scalar(epsilon));
    }

    private static Tensor quarter(Tensor t) {
        return t.mul(new Scalar(Math.PI / 2));
    }
}
