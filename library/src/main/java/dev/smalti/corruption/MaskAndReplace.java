package dev.smalti.corruption;

import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are masked, or replaced by one of the K codes at random. Gu et al. 2022, arXiv:2111.14822, eq. 7 and 8. {@link
 * Uniform} and {@link Absorbing} are the two ends of it.
 */
public final class MaskAndReplace implements Corruption {
    private static final double NEVER = Double.NEGATIVE_INFINITY;

    private final TokenSpace codes;
    private final TokenSpace states;

    public MaskAndReplace(TokenSpace space) {
        this.codes = space;
        this.states = new TokenSpace(space.codes() + 1, space.height(), space.width());
    }

    @Override
    public long states() {
        return states.codes();
    }

    @Override
    public Tensor corrupt(Tensor x0, Level t, Tensor u) {
        codes.checkAtHand("x_0", x0);
        Tensor masked = Level.beside(x0, t.masked());
        Tensor code = u.sub(masked)
                .div(Level.beside(x0, t.replaced()))
                .mul(new Scalar((double) codes.codes()))
                .to(ScalarType.Long)
                .clamp_min(new Scalar(0L))
                .clamp_max(new Scalar(codes.codes() - 1L));
        Tensor lost = Level.beside(x0, Level.rest(t.kept()));
        return torch.where(u.lt(lost), code, x0).masked_fill(u.lt(masked), new Scalar(codes.mask()));
    }

    @Override
    public Tensor uncertain(Tensor xt) {
        return xt.ge(new Scalar(0L));
    }

    @Override
    public Tensor logMarginal(Tensor x0, Level t) {
        codes.checkAtHand("x_0", x0);
        return row(x0, t);
    }

    @Override
    public Tensor logLikelihood(Tensor xt, Level t) {
        states.checkAtHand("x_t", xt);
        return column(xt, t);
    }

    @Override
    public Tensor logStep(Tensor xs, Level s, Level t) {
        states.checkAtHand("x_s", xs);
        Tensor mask = masked(xs).unsqueeze(-1); // [*, 1]
        Tensor row = row(xs, t.since(s));
        return Tensors.cat(
                -1,
                row.narrow(-1, 0, codes.codes()).masked_fill(mask, new Scalar(NEVER)),
                row.narrow(-1, codes.codes(), 1).masked_fill(mask, new Scalar(0.0)));
    }

    /** ln q(· | x) for a code x. [*] -> [*, K + 1] */
    private Tensor row(Tensor x, Level level) {
        Tensor masked = Level.beside(x, level.masked()).log().expand_as(x).unsqueeze(-1);
        return Tensors.cat(-1, match(x, level), masked);
    }

    /** ln q(x | ·) for the K codes that x may have been. [*] -> [*, K] */
    private Tensor column(Tensor x, Level level) {
        Tensor masked = Level.beside(x, level.masked()).log().unsqueeze(-1); // [*, 1]
        return torch.where(masked(x).unsqueeze(-1), masked, match(x, level));
    }

    /** ln(ᾱ + β̄) at x itself, ln β̄ at the other codes. [*] -> [*, K] */
    private Tensor match(Tensor x, Level level) {
        Tensor all = torch.arange(new Scalar(codes.codes()), Tensors.options(ScalarType.Long, x.device()));
        Tensor beta = Level.beside(x, level.each(codes.codes()));
        Tensor same = Level.beside(x, level.kept()).add(beta).log().unsqueeze(-1); // [*, 1]
        return torch.where(x.unsqueeze(-1).eq(all), same, beta.log().unsqueeze(-1)); // [*, K]
    }

    @Override
    public Tensor logPosterior(Tensor x0, Tensor xt, Level s, Level t) {
        codes.checkAtHand("x_0", x0);
        states.checkAtHand("x_t", xt);
        Tensor likelihood = column(xt, t).gather(-1, x0.unsqueeze(-1)); // ln q(x_t | x_0), [*, 1]
        return row(x0, s).add(back(xt, t.since(s))).sub(likelihood);
    }

    /** ln q(x_t | ·) for the states that x_t may have been. [*] -> [*, K + 1] */
    private Tensor back(Tensor xt, Level step) {
        Tensor mask =
                torch.where(masked(xt), new Scalar(0.0), new Scalar(NEVER)).to(ScalarType.Double);
        return Tensors.cat(-1, column(xt, step), mask.unsqueeze(-1));
    }

    /**
     * With r = p(x_0)/q(x_t | x_0) (or r = p(x_0) in the joint reading) and Z = Σ r: p(x_s) is q(x_t | x_s) times
     * ᾱ_s r(x_s) + β̄_s Z for a code, γ̄_s Z for the mask. In logarithms, since r may be as large as 1/β̄.
     */
    @Override
    public Tensor logPosterior(Posterior posterior, Tensor logX0, Tensor xt, Level s, Level t) {
        states.checkAtHand("x_t", xt);
        Tensor r = logX0;
        if (posterior == Posterior.NORMALISED) {
            Tensor likelihood = column(xt, t);
            r = r.sub(likelihood).masked_fill(likelihood.eq(new Scalar(NEVER)), new Scalar(NEVER));
        }
        Tensor z = r.logsumexp(new long[] {-1}, true); // [*, 1]
        Tensor kept = Level.beside(xt, s.kept()).log().unsqueeze(-1);
        Tensor replaced = Level.beside(xt, s.each(codes.codes())).log().unsqueeze(-1);
        Tensor tokens = r.add(kept).logaddexp(z.add(replaced)); // [*, K]
        Tensor mask = Level.beside(xt, s.masked()).log().unsqueeze(-1).add(z); // [*, 1]
        return torch.log_softmax(Tensors.cat(-1, tokens, mask).add(back(xt, t.since(s))), -1);
    }

    private Tensor masked(Tensor xt) {
        return xt.eq(new Scalar(codes.mask()));
    }
}
