package dev.smalti.prior.sedd;

import dev.smalti.corruption.Absorbing;
import dev.smalti.corruption.Corruption;
import dev.smalti.corruption.Level;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The chain by which a token is lost, and how the ratios s_y = p_t(y) / p_t(x) of its states' probabilities lead back. Lou
 * et al. 2024, arXiv:2310.16834, sections 3 and 4.
 *
 * <p>Letters: M positions, S states, N codes; x the state of a position now, x0 its clean token, y any state, s [M, S] the
 * ratios with s_x = 1, σ the noise up to now, dσ that of a step, [M].
 */
interface Graph {
    /** How the tokens of a grid are lost. */
    Corruption corruption();

    /** S */
    default long states() {
        return corruption().states();
    }

    /** x of x0 at noise σ, of which at σ = ∞ nothing is left. int64 [B, L], float64 [B], uniform numbers [B, L] -> [B, L] */
    default Tensor corrupt(Tensor x0, Tensor sigma, Tensor u) {
        return corruption()
                .corrupt(x0, new Level(sigma.neg().exp(), sigma.neg().expm1().neg()), u);
    }

    /** bool: positions whose token may still change on the way back. */
    default Tensor open(Tensor x) {
        return corruption().uncertain(x);
    }

    /** The rates of jumps into x from each y (a column of Q), with minus the sum of the rates out of x at y = x. [M, S] */
    Tensor transposedRate(Tensor x);

    /** The probabilities of jumps into x from each y in a step. [M], [M] -> [M, S] */
    Tensor transposedTransition(Tensor x, Tensor dsigma);

    /** The ratios before a step, as far as those after it tell: exp(-dσ Q) s. [M, S], [M] -> [M, S]. Theorem 4.1. */
    Tensor staggered(Tensor score, Tensor dsigma);

    /**
     * Score entropy, at least 0 and 0 only for the true ratios: Σ_{y≠x} of Q(x,y)·(s_y - r_y ln s_y + r_y (ln r_y - 1)), in
     * nats, with r_y the ratios that x0 gives. Definition 3.1 and eq. 11. Written as r·(expm1 z - z) with z = ln s - ln r,
     * whose terms are never negative, so that nothing cancels however small σ is.
     *
     * @param logScore ln s, float32 or float64 [M, S]
     * @return [M]
     */
    Tensor scoreEntropy(Tensor logScore, Tensor sigma, Tensor x, Tensor x0);

    /**
     * The ratios of a token whose clean value has the probabilities p, as the other tokens tell: s_y = Σ_x0 p(x0) q(y | x0)
     * over the same sum for x.
     *
     * @param logP ln p, [M, N]
     * @param logSize ln (e^σ - 1), [M, 1]
     * @param x [M, 1]
     * @return ln s, [M, S]; what stands at x is of no account
     */
    Tensor logRatio(Tensor logP, Tensor logSize, Tensor x);

    /** The rates of the chain run backwards: those into x times s, with minus their sum at y = x. [M, S]. Eq. 7. */
    default Tensor reverseRate(Tensor x, Tensor score) {
        Tensor own = x.unsqueeze(1);
        Tensor rate = transposedRate(x).mul(score).scatter(1, own, new Scalar(0.0));
        return rate.scatter(1, own, rate.sum(1).neg().unsqueeze(1));
    }

    /** expm1 z - z with z = ln s - ln r */
    static Tensor excess(Tensor logScore, Tensor logRatio) {
        Tensor z = logScore.sub(logRatio);
        return torch.expm1(z).sub(z);
    }

    /** Tokens are lost to the mask, numbered N; S = N + 1. Q has rate 1 from every code to the mask. */
    record Absorb(TokenSpace space) implements Graph {
        @Override
        public Corruption corruption() {
            return new Absorbing(space);
        }

        @Override
        public Tensor transposedRate(Tensor x) {
            // the mask is entered from every code, a code from nowhere
            return open(x).unsqueeze(1).to(ScalarType.Double).sub(oneHot(x, states()));
        }

        @Override
        public Tensor transposedTransition(Tensor x, Tensor dsigma) {
            Tensor kept = dsigma.neg().exp().unsqueeze(1);
            Tensor lost = dsigma.neg().expm1().neg().unsqueeze(1);
            return oneHot(x, states())
                    .mul(kept)
                    .add(open(x).unsqueeze(1).to(ScalarType.Double).mul(lost));
        }

        @Override
        public Tensor staggered(Tensor score, Tensor dsigma) {
            Tensor grown = dsigma.exp().unsqueeze(1);
            Tensor mask = score.sum(new long[] {1}, true, new ScalarTypeOptional())
                    .mul(dsigma.expm1().neg().unsqueeze(1)); // what the codes gain, the mask loses
            Tensor column = torch.full(
                    new long[] {score.size(0), 1},
                    new Scalar(space.mask()),
                    Tensors.options(ScalarType.Long, score.device()));
            return score.mul(grown).scatter_add(1, column, mask);
        }

        /** p / (e^σ - 1), since only a mask is ever in doubt. */
        @Override
        public Tensor logRatio(Tensor logP, Tensor logSize, Tensor x) {
            return Tensors.cat(1, logP.sub(logSize), torch.zeros_like(logSize));
        }

        @Override
        public Tensor scoreEntropy(Tensor logScore, Tensor sigma, Tensor x, Tensor x0) {
            Tensor r = sigma.expm1().reciprocal(); // of x0; those of the other codes are 0
            Tensor codes = logScore.narrow(1, 0, space.codes());
            Tensor right = codes.gather(1, x0.unsqueeze(1));
            Tensor wrong =
                    codes.exp().scatter(1, x0.unsqueeze(1), new Scalar(0.0)).sum(1);
            Tensor entropy = r.mul(excess(right.squeeze(1), r.log())).add(wrong);
            return entropy.masked_fill(open(x).logical_not(), new Scalar(0.0));
        }
    }

    /** Tokens are replaced by any code; S = N. Q has rate 1/N between any two codes. */
    record Uniform(TokenSpace space) implements Graph {
        @Override
        public Corruption corruption() {
            return new dev.smalti.corruption.Uniform(space);
        }

        @Override
        public Tensor transposedRate(Tensor x) {
            return oneHot(x, states()).neg().add(new Scalar(1.0 / space.codes()));
        }

        @Override
        public Tensor transposedTransition(Tensor x, Tensor dsigma) {
            Tensor kept = dsigma.neg().exp().unsqueeze(1);
            Tensor lost = dsigma.neg().expm1().neg().unsqueeze(1).div(new Scalar((double) space.codes()));
            return oneHot(x, states()).mul(kept).add(lost);
        }

        @Override
        public Tensor staggered(Tensor score, Tensor dsigma) {
            Tensor sum = score.sum(new long[] {1}, true, new ScalarTypeOptional());
            Tensor lost = dsigma.expm1().unsqueeze(1).div(new Scalar((double) space.codes()));
            return score.mul(dsigma.exp().unsqueeze(1)).sub(sum.mul(lost));
        }

        /** q(y | x0) is (1 - e^-σ)(1/(e^σ - 1)·[y = x0] + 1/N). */
        @Override
        public Tensor logRatio(Tensor logP, Tensor logSize, Tensor x) {
            Tensor any = torch.full_like(logP, new Scalar(-Math.log(space.codes())));
            Tensor q = torch.logaddexp(logP.sub(logSize), any);
            return q.sub(q.gather(1, x));
        }

        @Override
        public Tensor scoreEntropy(Tensor logScore, Tensor sigma, Tensor x, Tensor x0) {
            double n = space.codes();
            // ln r = ln (q(y|x0) / q(x|x0)): of q's two values, q(x0|x0) is e1/n + 1 to any other's e1/n
            Tensor more = sigma.expm1().reciprocal().mul(new Scalar(n)).log1p().unsqueeze(1); // [M, 1]
            Tensor clean = x.eq(x0).unsqueeze(1);
            Tensor zero = torch.zeros_like(more);
            Tensor logRatio = torch.zeros_like(logScore).add(more.neg().where(clean, zero));
            logRatio = logRatio.scatter(1, x0.unsqueeze(1), more.where(clean.logical_not(), zero)); // [M, S]
            Tensor each = logRatio.exp().mul(excess(logScore, logRatio)).scatter(1, x.unsqueeze(1), new Scalar(0.0));
            return each.sum(1).div(new Scalar(n));
        }
    }

    /** [M] -> [M, S] */
    private static Tensor oneHot(Tensor x, long states) {
        return torch.one_hot(x, states).to(ScalarType.Double);
    }
}
