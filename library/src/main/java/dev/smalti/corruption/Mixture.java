package dev.smalti.corruption;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * p(x_s | x_t) at M positions by the few numbers that it follows from, where ρ is a guess of x_0: {@code scale}·ρ_k + {@code floor} of
 * every code k but x_t itself, so that the posterior of K codes needn't be computed. It is that of {@link
 * Corruption#logPosterior(Posterior, Tensor, Tensor, Level, Level)}. All float64 [M].
 *
 * @param scale of the guess
 * @param floor of codes that the guess doesn't name, at least 0
 * @param own that of x_t, where it is a code; else 0
 * @param mask that of the mask, where x_t is it; else 0
 */
public record Mixture(Tensor scale, Tensor floor, Tensor own, Tensor mask) {
    /**
     * Of a guess: q(x_t | x_s) Σ_{x_0} q(x_s | x_0) r(x_0), normalised, where r is what the reading makes of ρ: ρ itself but for a
     * factor at x_t. With {@link Posterior#JOINT} and a guess that is sure it is q(x_s | x_t, x_0).
     *
     * @param reading of {@link Posterior#CONTEXT} ρ is what the other tokens alone tell
     * @param rho the guess of x_t itself, float64 [M]; of no account where x_t is masked
     * @param xt int64 [M]
     * @param s as {@link Corruption#counting} has it
     * @param t the same
     * @param codes K
     */
    public static Mixture of(Posterior reading, Tensor rho, Tensor xt, Level s, Level t, long codes) {
        Scalar none = new Scalar(0.0);
        Tensor masked = xt.eq(new Scalar(codes));
        Level step = t.since(s);
        Tensor kept = s.kept(); // ᾱ_s
        Tensor each = s.each(codes); // β̄_s
        Tensor ratio =
                t.each(codes).div(t.kept().add(t.each(codes))); // q(x_t | k) of other codes over that of x_t itself
        Tensor factor = reading == Posterior.NORMALISED
                ? ratio.masked_fill(masked, new Scalar(1.0)) // where it may be no number
                : torch.ones_like(ratio);
        Tensor z = rho.mul(factor.sub(new Scalar(1.0))).add(new Scalar(1.0)); // Σ r
        Tensor likelihood = torch.where(masked, step.masked(), step.each(codes)); // q(x_t | k) of other codes
        Tensor scale = likelihood.mul(kept);
        Tensor floor = likelihood.mul(each).mul(z);
        Tensor own = step.kept()
                .add(step.each(codes))
                .mul(rho.mul(factor).mul(kept).add(z.mul(each)))
                .masked_fill(masked, none);
        Tensor mask = s.masked().masked_fill(masked.logical_not(), none);
        Tensor all = scale.add(floor.mul(new Scalar((double) codes))); // as if there were no x_t
        Tensor others = all.sub(scale.mul(rho)).sub(floor).clamp_min(none);
        Tensor total = torch.where(masked, all.add(mask), others.add(own));
        Mixture mixture = new Mixture(scale.div(total), floor.div(total), own.div(total), mask.div(total));
        return reading == Posterior.NORMALISED // where no other code can have become x_t
                ? mixture.but(ratio.eq(none).logical_and(masked.logical_not()), 0, torch.ones_like(rho))
                : mixture;
    }

    /** The guess itself at some positions, bool [M]. */
    public Mixture itself(Tensor where, Tensor rho) {
        return but(where, 1, rho);
    }

    private Mixture but(Tensor where, double scale, Tensor own) {
        return new Mixture(
                this.scale.masked_fill(where, new Scalar(scale)),
                floor.masked_fill(where, new Scalar(0.0)),
                torch.where(where, own, this.own),
                mask.masked_fill(where, new Scalar(0.0)));
    }

    /** Of codes other than x_t, by the guess of each. float64 [M] or [M, k] -> the same */
    public Tensor share(Tensor rho) {
        return rho.dim() == 1
                ? rho.mul(scale).add(floor)
                : rho.mul(scale.unsqueeze(1)).add(floor.unsqueeze(1));
    }
}
