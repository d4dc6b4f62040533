package dev.smalti.corruption;

import java.util.Arrays;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * How far tokens are from clean: one is kept with probability ᾱ, masked with γ̄, and otherwise replaced by any of the K
 * codes, with Kβ̄ = 1 - ᾱ - γ̄. Clean is (1, 0).
 *
 * <p>The transition from one level to a later one is of the same kind, so it is a level too: {@link #since}.
 *
 * @param kept ᾱ, float64, of the first dimensions of the tokens that it goes with: [B] for grids, [M] for positions
 * @param masked γ̄, of the same shape
 */
public record Level(Tensor kept, Tensor masked) {
    private static final double ROUNDING = 4 * Math.ulp(1.0);

    /**
     * The transition from {@code s} to this level: a = ᾱ_t/ᾱ_s and c = (γ̄_t - γ̄_s)/(1 - γ̄_s). Where nothing was left
     * to keep at s, nothing is kept since; where all was masked, all is.
     */
    public Level since(Level s) {
        Tensor a = kept.div(s.kept).masked_fill(s.kept.eq(new Scalar(0.0)), new Scalar(0.0));
        Tensor unmasked = rest(s.masked);
        Tensor c = masked.sub(s.masked).div(unmasked).masked_fill(unmasked.eq(new Scalar(0.0)), new Scalar(1.0));
        return new Level(a, c);
    }

    /** The same share of masks, and nothing kept: what is known of a token of which nothing is known. */
    public Level lost() {
        return new Level(kept.mul(new Scalar(0.0)), masked);
    }

    /** The levels at some indices of the first dimension. [B], int64 [M] -> [M] */
    public Level rows(Tensor index) {
        return new Level(kept.index_select(0, index), masked.index_select(0, index));
    }

    /** Kβ̄ = 1 - ᾱ - γ̄, and 0 where it is no more than rounding makes it. */
    Tensor replaced() {
        Tensor replaced = rest(kept).sub(masked);
        return replaced.masked_fill(replaced.lt(new Scalar(ROUNDING)), new Scalar(0.0));
    }

    /** β̄: the probability of being replaced by a given one of the K codes. */
    public Tensor each(long codes) {
        return replaced().div(new Scalar((double) codes));
    }

    /** 1 - share */
    static Tensor rest(Tensor share) {
        return share.neg().add(new Scalar(1.0));
    }

    /** With ones behind its dimensions, up to as many as {@code tokens} have. */
    static Tensor beside(Tensor tokens, Tensor share) {
        long[] shape = new long[(int) tokens.dim()];
        Arrays.fill(shape, 1);
        for (int i = 0; i < share.dim(); i++) {
            shape[i] = share.size(i);
        }
        return share.view(shape);
    }
}
