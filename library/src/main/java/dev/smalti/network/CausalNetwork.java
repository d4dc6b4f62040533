package dev.smalti.network;

import org.bytedeco.pytorch.Tensor;

/**
 * A network that guesses each token of a grid, row by row, from those before it: of whole grids at once, for training and
 * likelihoods, or token by token, for drawing, with what it computed of earlier tokens kept.
 *
 * <p>Letters: B batch, n ≤ L tokens given, K vocabulary.
 */
public interface CausalNetwork {
    /**
     * Logits of the first n tokens, each given those before it.
     *
     * @param x int64 [B, n]
     * @param label classes, int64 [B], the number of classes where dropped; null for an unconditional network
     * @return [B·n, K]
     */
    Tensor logits(Tensor x, Tensor label);

    /**
     * Logits of the next token, given those that the cache has seen.
     *
     * @param previous the token before it, int64 [B]; null if it is the first
     * @param label as in {@link #logits}
     * @param cache of B grids, to which {@code previous} is added
     * @return [B, K]
     */
    Tensor next(Tensor previous, Tensor label, KeyValueCache cache);

    /** Room for the keys and values of {@code grids} grids, none of which has been seen; belongs to the current scope. */
    KeyValueCache cache(long grids);
}
