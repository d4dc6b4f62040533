package dev.smalti.corruption;

import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * Tokens are replaced by one of the K codes at random; there is no mask, and only ᾱ counts of a level. Austin et al.
 * 2021, arXiv:2107.03006, appendix A.2.1.
 */
public final class Uniform implements Corruption {
    private final TokenSpace codes;
    private final MaskAndReplace unmasked;

    public Uniform(TokenSpace space) {
        this.codes = space;
        this.unmasked = new MaskAndReplace(space);
    }

    @Override
    public long states() {
        return codes.codes();
    }

    @Override
    public Tensor corrupt(Tensor x0, Level t, Tensor u) {
        return unmasked.corrupt(x0, plain(t), u);
    }

    @Override
    public Tensor uncertain(Tensor xt) {
        return unmasked.uncertain(xt);
    }

    @Override
    public Tensor logMarginal(Tensor x0, Level t) {
        return withoutMask(unmasked.logMarginal(x0, plain(t)));
    }

    @Override
    public Tensor logLikelihood(Tensor xt, Level t) {
        codes.checkAtHand("x_t", xt);
        return unmasked.logLikelihood(xt, plain(t));
    }

    @Override
    public Tensor logStep(Tensor xs, Level s, Level t) {
        codes.checkAtHand("x_s", xs);
        return withoutMask(unmasked.logStep(xs, plain(s), plain(t)));
    }

    @Override
    public Tensor logPosterior(Tensor x0, Tensor xt, Level s, Level t) {
        codes.checkAtHand("x_t", xt);
        return withoutMask(unmasked.logPosterior(x0, xt, plain(s), plain(t)));
    }

    @Override
    public Tensor logPosterior(Posterior posterior, Tensor logX0, Tensor xt, Level s, Level t) {
        codes.checkAtHand("x_t", xt);
        return withoutMask(unmasked.logPosterior(posterior, logX0, xt, plain(s), plain(t)));
    }

    @Override
    public Level counting(Level level) {
        return plain(level);
    }

    private static Level plain(Level level) {
        return new Level(level.kept(), level.kept().mul(new Scalar(0.0)));
    }

    private Tensor withoutMask(Tensor states) {
        return states.narrow(-1, 0, codes.codes());
    }
}
