package dev.smalti.metric;

import static org.bytedeco.pytorch.global.torch.ScalarType.Double;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Fréchet distance between the Gaussians of two sets of features, 0 for equal ones and upwards without bound. Of
 * Inception's pool features it is the FID. Heusel et al. 2017, arXiv:1706.08500, equation 6:
 *
 * <pre>d² = |μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁ Σ₂)^½)</pre>
 *
 * <p>The number falls with N, so sets are compared at one N, commonly 50,000.
 */
public final class FrechetDistance {
    private FrechetDistance() {}

    /**
     * d², in either order of the two. Where one of them is rank deficient (of no more images than dimensions)
     * it is a number, but hardly one to report.
     *
     * @throws IllegalArgumentException if the dimensions differ
     */
    public static double of(FeatureStatistics real, FeatureStatistics fake) {
        Features.alike(real.dimension(), fake.dimension());
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Tensor apart = number(real.mean()).sub(number(fake.mean())); // [D]
                Tensor first = number(real.covariance()); // [D, D]
                Tensor second = number(fake.covariance()); // [D, D]
                double distance = apart.dot(apart).item_double()
                        + first.trace().item_double()
                        + second.trace().item_double()
                        - 2 * traceOfRoot(first, second);
                return Math.max(distance, 0); // below it only by rounding
            }
        });
    }

    private static Tensor number(Tensor tensor) {
        return tensor.cpu().to(Double);
    }

    /**
     * tr (Σ₁ Σ₂)^½ as the sum of the singular values of F₁ᵀF₂, where Σ = F Fᵀ: their squares are the eigenvalues of
     * Σ₁ Σ₂. Roots of these eigenvalues, which others take, turn a rounding error ε of those that should be 0 into √ε,
     * and a covariance of few images has thousands of them; here the error stays near ε. [D, D], [D, D]
     */
    private static double traceOfRoot(Tensor first, Tensor second) {
        Tensor product = factor(first).t().matmul(factor(second)); // [D, D]
        Stopping.check();
        return torch.linalg_svdvals(product).sum().item_double();
    }

    /** F = V Λ^½ of Σ = V Λ Vᵀ. [D, D] -> [D, D] */
    private static Tensor factor(Tensor covariance) {
        Stopping.check();
        T_TensorTensor_T pair = torch.linalg_eigh(covariance);
        return pair.get1().mul(pair.get0().clamp_min(new Scalar(0.0)).sqrt());
    }
}
