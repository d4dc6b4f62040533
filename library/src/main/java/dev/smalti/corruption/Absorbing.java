package dev.smalti.corruption;

import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Tokens are lost to one mask token, numbered K. Austin et al. 2021, arXiv:2107.03006, appendix A.2.2. Which tokens are
 * lost follows from uniform numbers that the caller draws.
 */
public final class Absorbing {
    private final TokenSpace space;

    public Absorbing(TokenSpace space) {
        this.space = space;
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

    /** Grids of which nothing is left. int64 [B, L] */
    public Tensor nothing(long batch) {
        return torch.full(
                new long[] {batch, space.length()}, new Scalar(space.mask()), Tensors.options(ScalarType.Long));
    }

    /** The number of masked tokens. int64 [B, L] -> int64 [B] */
    public Tensor count(Tensor xt) {
        return masked(xt).sum(new long[] {1}, false, new ScalarTypeOptional(ScalarType.Long));
    }
}
