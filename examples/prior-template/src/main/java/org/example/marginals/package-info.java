/**
 * Independent marginals: each token of a grid is drawn on its own, from a distribution of its place and of the class. The
 * simplest prior there is, to begin from.
 *
 * <pre>
 * label [B] ──► table [classes + 1, L, K] ──► logits [B, L, K] ──► -ln p of x [B], or draws [B, L]
 * </pre>
 */
package org.example.marginals;
