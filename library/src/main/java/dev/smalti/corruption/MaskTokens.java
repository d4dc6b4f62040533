package dev.smalti.corruption;

import dev.smalti.distributed.WholeBatch;
import dev.smalti.tensor.Devices;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * What a network sees at a masked place. With one mask token all masked grids look alike, and what a pass draws at two places is
 * independent given the rest. With m of them, drawn at random, all places see the same random numbers, by which they can decide
 * jointly: the mask of many states of Yoo et al. 2026, arXiv:2605.10518, theirs infinitely many. A share of masked places may show a
 * random code instead, the token initialisation of Zhu et al. 2025, arXiv:2503.15457, section 4.3.
 *
 * <p>This is the network's input alone: everywhere else a masked place is K.
 *
 * @param space K codes
 * @param masks m, the mask tokens K to K + m - 1; at least 1
 * @param share of masked places that show a mask token, the others a code; (0, 1]
 */
public record MaskTokens(TokenSpace space, int masks, double share) {
    /** @throws IllegalArgumentException as {@link #check} */
    public MaskTokens {
        check(masks, share);
    }

    /** @throws IllegalArgumentException naming the key of a recipe that is out of range */
    public static void check(int masks, double share) {
        if (masks < 1) {
            throw new IllegalArgumentException("masks must be at least 1, got " + masks);
        }
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("mask_share must be in (0, 1], got " + share);
        }
    }

    /** Size of the network's input vocabulary, K + m. */
    public long inputs() {
        return (long) space.codes() + masks;
    }

    /**
     * {@code  of 16 mask tokens at a share of 0.6}, without what is 1 of the two, and nothing where both are: what tells networks of
     * different ones apart.
     */
    public String text() {
        return (masks == 1 ? "" : " of " + masks + " mask tokens")
                + (share == 1 ? "" : (masks == 1 ? " of mask tokens" : "") + " at a share of " + share);
    }

    /** Whether anything is drawn. */
    public boolean random() {
        return masks > 1 || share < 1;
    }

    /** A token for each place, should it be masked. Uniform numbers in [0, 1), float64 [B, L] -> int64 [B, L] */
    public Tensor tokens(Tensor u) {
        Tensor mask = index(u.div(new Scalar(share)), masks).add(new Scalar((long) space.codes()));
        return share == 1
                ? mask
                : torch.where(
                        u.lt(new Scalar(share)),
                        mask,
                        index(u.sub(new Scalar(share)).div(new Scalar(1 - share)), space.codes()));
    }

    /** The part of n equal ones in which a number lies. [B, L] -> int64 [B, L], 0..n - 1 */
    private static Tensor index(Tensor u, long n) {
        return u.mul(new Scalar((double) n))
                .to(ScalarType.Long)
                .clamp_min(new Scalar(0L))
                .clamp_max(new Scalar(n - 1)); // rounding can give n
    }

    /**
     * The same drawn for grids of these sizes.
     *
     * @param xt int64 [B, L]
     * @param generator on the CPU
     * @return int64 [B, L] beside {@code xt}; null where there is nothing to draw
     */
    public Tensor tokens(Tensor xt, Generator generator) {
        return random()
                ? Devices.send(
                        tokens(WholeBatch.uniform(generator, xt.size(0), xt.size(1))), xt.device(), ScalarType.Long)
                : null;
    }

    /**
     * What the network is to see.
     *
     * @param xt int64 [B, L], K where masked
     * @param tokens for masked places, int64 [B, L]; null for K
     * @return int64 [B, L], below K + m
     */
    public Tensor show(Tensor xt, Tensor tokens) {
        return tokens == null ? xt : torch.where(xt.eq(new Scalar(space.mask())), tokens, xt);
    }

    /** The same with tokens that are drawn for this once. */
    public Tensor show(Tensor xt, Generator generator) {
        return show(xt, tokens(xt, generator));
    }
}
