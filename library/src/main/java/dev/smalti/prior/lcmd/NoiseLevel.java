package dev.smalti.prior.lcmd;

import dev.smalti.tensor.Devices;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Variance-preserving noise, one level a grid: q(z | x) = N(α e(x), σ² I) with α² = sigmoid(λ) and σ² = sigmoid(-λ).
 * Kingma et al. 2021, arXiv:2107.00630, section 3 and appendix A. Letters: B batch, L tokens, D dimension of embeddings, K
 * codes.
 *
 * @param lambda λ = ln(α²/σ²), float64 [B], best on the CPU
 */
record NoiseLevel(Tensor lambda) {
    /** α [B] */
    Tensor alpha() {
        return lambda.sigmoid().sqrt();
    }

    /** σ [B] */
    Tensor sigma() {
        return lambda.neg().sigmoid().sqrt();
    }

    /** What the network is told: ln(σ/α), whatever the schedule. float32 [B] */
    Tensor time(Device device) {
        return Devices.send(lambda.mul(new Scalar(-0.5)), device, ScalarType.Float);
    }

    /** z = α e + σ ε. [B, L, D] twice -> [B, L, D] */
    Tensor noised(Tensor e, Tensor noise) {
        return spread(alpha(), e).mul(e).add(spread(sigma(), e).mul(noise));
    }

    /** The mean of q(z_s | z_t, x) for e(x) = {@code clean}, this being t. Kingma et al., eq. 31. [B, L, D] */
    Tensor posteriorMean(Tensor z, Tensor clean, NoiseLevel s) {
        Tensor ratio = lambda.sub(s.lambda); // λ_t - λ_s, not above 0
        Tensor ofState = ratio.exp().mul(s.alpha()).div(alpha()); // α_{t|s} σ_s² / σ_t²
        Tensor ofClean = ratio.expm1().neg().mul(s.alpha()); // α_s σ²_{t|s} / σ_t²
        return spread(ofState, z).mul(z).add(spread(ofClean, z).mul(clean));
    }

    /** Its variance, σ²_{t|s} σ_s² / σ_t². [B] */
    Tensor posteriorVariance(NoiseLevel s) {
        return lambda.sub(s.lambda).expm1().neg().mul(s.lambda.neg().sigmoid());
    }

    /** A step of ancestral sampling to s, which has less noise. [B, L, D] three times -> [B, L, D] */
    Tensor ancestral(Tensor z, Tensor clean, NoiseLevel s, Tensor noise) {
        return posteriorMean(z, clean, s)
                .add(spread(posteriorVariance(s).sqrt(), z).mul(noise));
    }

    /**
     * A step of the probability flow to s: α_s x̂ + (σ_s/σ_t)(z_t - α_t x̂). Song et al. 2020, arXiv:2010.02502, eq. 12 at
     * η = 0. [B, L, D] twice -> [B, L, D]
     */
    Tensor ddim(Tensor z, Tensor clean, NoiseLevel s) {
        Tensor ofState = s.sigma().div(sigma());
        Tensor ofClean = s.alpha().sub(ofState.mul(alpha()));
        return spread(ofState, z).mul(z).add(spread(ofClean, z).mul(clean));
    }

    /**
     * What {@link #ddim} is to step with in place of x̂: x̂ + (x̂ - x̂')/(2r), on the line through this guess and the last, half a step
     * ahead in λ. r is the last step over this one, in λ; if that had no length, x̂ itself. Lu et al. 2022, arXiv:2211.01095,
     * algorithm 2 (DPM-Solver++(2M)).
     *
     * @param clean x̂ at this level, [B, L, D]
     * @param last x̂' at the level before, [B, L, D]
     * @param before that level
     * @param s the level that the step leads to
     */
    Tensor extrapolated(Tensor clean, Tensor last, NoiseLevel before, NoiseLevel s) {
        Tensor length = lambda.sub(before.lambda);
        Tensor half = s.lambda.sub(lambda).div(length).mul(new Scalar(0.5)); // 1 / (2r)
        Tensor ahead = half.masked_fill(length.eq(new Scalar(0.0)), new Scalar(0.0));
        return clean.add(spread(ahead, clean).mul(clean.sub(last)));
    }

    /** ln N(z; α e_k, σ² I) of every code, less what is the same for all. [B, L, D], [K, D] -> [B, L, K] */
    Tensor evidence(Tensor z, Tensor embeddings) {
        Tensor product = z.matmul(embeddings.t()); // [B, L, K]
        Tensor half = embeddings.square().sum(1).mul(new Scalar(0.5)); // [K]
        Tensor gain = spread(lambda.exp().div(alpha()), z); // α / σ²
        return gain.mul(product.sub(spread(alpha(), z).mul(half)));
    }

    /** KL(q(z | x) ‖ N(0, I)) in nats, summed over dimensions. [B, L, D] -> float64 [B, L] */
    Tensor divergenceFromNoise(Tensor e) {
        Tensor share = lambda.sigmoid(); // α²
        Tensor each = share.neg().sub(share.neg().log1p()).mul(new Scalar((double) e.size(-1))); // D (σ² - 1 - ln σ²)
        Tensor norm = e.to(ScalarType.Double).square().sum(-1); // [B, L]
        Tensor of =
                Devices.send(share, e.device(), ScalarType.Double).unsqueeze(1).mul(norm);
        return of.add(Devices.send(each, e.device(), ScalarType.Double).unsqueeze(1))
                .mul(new Scalar(0.5));
    }

    /** One number a grid, in the form of {@code like}. [B] -> [B, 1, 1] */
    private static Tensor spread(Tensor numbers, Tensor like) {
        return Devices.send(numbers, like.device(), like.scalar_type().intern()).view(-1, 1, 1);
    }
}
