package dev.smalti.corruption;

import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are lost to one mask token, numbered K, and only γ̄ counts of a level. Austin et al. 2021, arXiv:2107.03006,
 * appendix A.2.2. Which tokens are lost follows from uniform numbers that the caller draws.
 */
public final class Absorbing implements Corruption {
    private static final double NEVER = Double.NEGATIVE_INFINITY;

    private final TokenSpace space;
    private final TokenSpace states;

    public Absorbing(TokenSpace space) {
        this.space = space;
        this.states = new TokenSpace(space.codes() + 1, space.height(), space.width());
    }

    /** Each token independently with probability p. p [B], u [B, L] in [0, 1) -> bool [B, L]. */
    public static Tensor independent(Tensor p, Tensor u) {
        return u.lt(p.unsqueeze(1));
    }

    /** Exactly {@code count} tokens of each grid, all choices alike. count int64 [B], u [B, L] in [0, 1) -> bool [B, L]. */
    public static Tensor exactly(Tensor count, Tensor u) {
        Tensor rank = torch.argsort(torch.argsort(u, 1, false), 1, false); // [B, L]
        return rank.lt(count.unsqueeze(1));
    }

    /** x0 int64 [B, L], lost bool [B, L] -> int64 [B, L] */
    public Tensor mask(Tensor x0, Tensor lost) {
        return x0.masked_fill(lost, new Scalar(space.mask()));
    }

    /** bool [B, L]: where {@code xt} is masked. */
    public Tensor masked(Tensor xt) {
        return xt.eq(new Scalar(space.mask()));
    }

    /** The number of masked tokens. int64 [B, L] -> int64 [B] */
    public Tensor count(Tensor xt) {
        return masked(xt).sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long));
    }

    @Override
    public long states() {
        return states.codes();
    }

    @Override
    public Level counting(Level level) {
        return new Level(Level.rest(level.masked()), level.masked());
    }

    @Override
    public Tensor corrupt(Tensor x0, Level t, Tensor u) {
        space.checkAtHand("x_0", x0);
        return mask(x0, u.lt(Level.beside(x0, t.masked())));
    }

    @Override
    public Tensor uncertain(Tensor xt) {
        return masked(xt);
    }

    @Override
    public Tensor logMarginal(Tensor x0, Level t) {
        space.checkAtHand("x_0", x0);
        return row(x0, t.masked());
    }

    @Override
    public Tensor logLikelihood(Tensor xt, Level t) {
        states.checkAtHand("x_t", xt);
        Tensor masked = Level.beside(xt, t.masked()).log().unsqueeze(-1); // [*, 1]
        Tensor kept = Level.beside(xt, Level.rest(t.masked())).log().unsqueeze(-1);
        Tensor known = torch.where(is(xt), kept, new Scalar(NEVER));
        return torch.where(masked(xt).unsqueeze(-1), masked, known);
    }

    @Override
    public Tensor logStep(Tensor xs, Level s, Level t) {
        states.checkAtHand("x_s", xs);
        return row(xs, t.since(s).masked());
    }

    /** ln q(· | x), where x is masked with this probability. [*] -> [*, K + 1] */
    private Tensor row(Tensor x, Tensor share) {
        Tensor masked = Level.beside(x, share);
        Tensor lost = torch.where(masked(x), masked.mul(new Scalar(0.0)), masked.log());
        Tensor kept = Level.rest(masked).log().unsqueeze(-1);
        return Tensors.cat(-1, torch.where(is(x), kept, new Scalar(NEVER)), lost.unsqueeze(-1));
    }

    /** Which of the K codes x is. [*] -> bool [*, K] */
    private Tensor is(Tensor x) {
        Tensor all = torch.arange(new Scalar(space.codes()), Tensors.options(ScalarType.Long, x.device()));
        return x.unsqueeze(-1).eq(all);
    }

    @Override
    public Tensor logPosterior(Tensor x0, Tensor xt, Level s, Level t) {
        space.checkAtHand("x_0", x0);
        Tensor known = torch.where(is(x0), new Scalar(0.0), new Scalar(NEVER));
        return logPosterior(Posterior.NORMALISED, known.to(ScalarType.Double), xt, s, t);
    }

    /**
     * A mask stays with probability γ̄_s/γ̄_t and is otherwise what the guess says; a code was that code. Both readings
     * are the same, since q(x_t | x_0) is γ̄_t at a mask whatever x_0 is.
     */
    @Override
    public Tensor logPosterior(Posterior posterior, Tensor logX0, Tensor xt, Level s, Level t) {
        states.checkAtHand("x_t", xt);
        Tensor masked = masked(xt).unsqueeze(-1); // [*, 1]
        Tensor stays = Level.beside(xt, s.masked().div(t.masked())).unsqueeze(-1);
        Tensor guess = torch.log_softmax(logX0, -1).add(Level.rest(stays).log()); // [*, K]
        Tensor known = torch.zeros_like(guess).masked_fill(is(xt).logical_not(), new Scalar(NEVER));
        Tensor mask = torch.where(masked, stays.log(), new Scalar(NEVER));
        return Tensors.cat(-1, torch.where(masked, guess, known), mask);
    }
}
