package dev.smalti.corruption;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * p(x_s | x_t) of a guess ρ of x_0, at M positions and up to a number of each, by the few numbers that it follows from: it is
 * {@code scale}·ρ_k + {@code floor} of every code k but x_t itself, so that no posterior of K codes need be computed. All float64
 * [M].
 *
 * @param scale of the guess
 * @param floor of codes that the guess doesn't name
 * @param own that of x_t, where it is a code; else 0
 * @param mask that of the mask, where x_t is it; else 0
 * @param total of all states
 */
public record Mixture(Tensor scale, Tensor floor, Tensor own, Tensor mask, Tensor total) {
    /**
     * That of a guess: q(x_t | x_s) Σ_{x_0} q(x_s | x_0) r(x_0), where r is what the reading makes of ρ: ρ itself but for a factor
     * at x_t. With {@link Posterior#JOINT} and a guess that is sure it is q(x_s | x_t, x_0).
     *
     * @param reading of {@link Posterior#CONTEXT} ρ is of the other tokens alone
     * @param temperature that divided the logits of x_0
     * @param rho the guess of x_t itself, float64 [M]; of no account where x_t is masked
     * @param xt int64 [M]
     * @param s as {@link Corruption#counting} has it
     * @param t the same
     * @param codes K
     */
    public static Mixture of(
            Posterior reading, double temperature, Tensor rho, Tensor xt, Level s, Level t, long codes) {
        Scalar none = new Scalar(0.0);
        Tensor masked = xt.eq(new Scalar(codes));
        Level step = t.since(s);
        Tensor kept = s.kept(); // ᾱ_s
        Tensor each = each(s, codes); // β̄_s
        Tensor replaced = each(step, codes);
        Tensor ratio =
                each(t, codes).div(t.kept().add(each(t, codes))); // q(x_t | k) of other codes over that of x_t itself
        Tensor factor =
                factor(reading, ratio, temperature).masked_fill(masked, new Scalar(1.0)); // where it may be no number
        Tensor z = rho.mul(factor.sub(new Scalar(1.0))).add(new Scalar(1.0)); // Σ r
        Tensor likelihood = torch.where(masked, step.masked(), replaced); // q(x_t | k) of other codes
        Tensor scale = likelihood.mul(kept);
        Tensor floor = likelihood.mul(each).mul(torch.where(masked, torch.ones_like(z), z));
        Tensor own = step.kept()
                .add(replaced)
                .mul(rho.mul(factor).mul(kept).add(z.mul(each)))
                .masked_fill(masked, none);
        Tensor mask = s.masked().masked_fill(masked.logical_not(), none);
        Tensor all = scale.add(floor.mul(new Scalar((double) codes))); // as if there were no x_t
        Tensor others = all.sub(scale.mul(rho)).sub(floor).clamp_min(none);
        Mixture mixture = new Mixture(scale, floor, own, mask, torch.where(masked, all.add(mask), others.add(own)));
        return reading == Posterior.NORMALISED // where no other code can have become x_t
                ? mixture.but(ratio.eq(none).logical_and(masked.logical_not()), 0, torch.ones_like(rho))
                : mixture;
    }

    /** What r is of ρ at x_t, by the ratio of q(x_t | k) of other codes to that of x_t. */
    private static Tensor factor(Posterior reading, Tensor ratio, double temperature) {
        return switch (reading) {
            case JOINT -> torch.ones_like(ratio);
            case NORMALISED -> ratio;
            case CONTEXT -> ratio.pow(new Scalar(1 - 1 / temperature));
        };
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
                mask.masked_fill(where, new Scalar(0.0)),
                total.masked_fill(where, new Scalar(1.0)));
    }

    /** β̄: the share of each of the K codes in what is replaced. */
    public static Tensor each(Level level, long codes) {
        return level.replaced().div(new Scalar((double) codes));
    }

    /** With its numbers as columns, [M, 1]. */
    public Mixture columns() {
        return new Mixture(
                scale.unsqueeze(1), floor.unsqueeze(1), own.unsqueeze(1), mask.unsqueeze(1), total.unsqueeze(1));
    }

    /** Of codes other than x_t, by the guess of each. [M], or [M, k] of {@link #columns} */
    public Tensor of(Tensor rho) {
        return rho.mul(scale).add(floor);
    }
}
