/**
 * Autoregressive prior: Bond-Taylor, Hessey, Sasaki, Breckon, Willcocks, "Unleashing Transformers: Parallel Token Prediction
 * with Discrete Absorbing Diffusion for Fast High-Resolution Image Generation from Vector-Quantized Codes", ECCV 2022,
 * arXiv:2111.12701, section 4.2.2: the baseline that its diffusion is compared with. As in Esser et al. 2021, arXiv:2012.09841.
 *
 * <p>A grid is read row by row as a sequence of tokens, and a transformer with a causal mask guesses each token from those
 * before it. So one pass trains on all tokens at once and gives the exact likelihood, but a grid of L tokens takes L steps
 * to draw, and no token can be revised or known beforehand unless it comes first. The usual network is made of exactly the
 * diffusion's blocks, so that the comparison is one of the methods; another is LlamaGen's
 * ({@link dev.smalti.network.CausalLlama}), whose published weights can be imported.
 *
 * <h2>Training and likelihood</h2>
 *
 * <pre>
 * x [B, L] ──► start token, x_1..x_{L-1} [B, L] ──► CausalNetwork ──►     logits [B, L, K]
 *          ──► -ln p of x_1..x_L [B, L] ──► sum [B] ──► bits per token []
 * </pre>
 *
 * <h2>Sampling</h2>
 *
 * <pre>
 * nothing [B, L] ──► for i = 1..L: x_{i-1} [B] ──► CausalNetwork.next, with the keys and values so far
 *                                              ──► logits [B, K] ──► filter, draw ──► x_i [B] ──► codes [B, h, w]
 * </pre>
 *
 * <h2>Symbols</h2>
 *
 * <table>
 * <caption>The paper's letters and our names</caption>
 * <tr><td>z, x</td><td>tokens, {@code x}</td></tr>
 * <tr><td>τ</td><td>temperature, {@link dev.smalti.draw.LogitFilter}</td></tr>
 * </table>
 *
 * <h2>What differs</h2>
 *
 * <ul>
 *   <li>Keys and values of past tokens are kept, so a token costs one position and not all before it again: the work of a
 *       whole grid is that of one pass ({@link dev.smalti.network.KeyValueCache}, which says what memory that takes). The released code computes the
 *       whole sequence for each token. What is drawn is the same. With 12 layers of width 512, 4 grids of 256 tokens in float32 take
 *       10.3 s of a core's time, and 105.6 by passes over all tokens so far; LlamaGen's network 10.2 and 164.9.
 *   <li>The start token starts from the normal distribution of the other weights rather than from 0.
 *   <li>Classes, which the paper has none of, are one more embedding that is added at every position; hidden for a share of
 *       the training grids, they allow guidance, with the grids with and without class in one batch,
 *       or away from another model, which has a cache of its own.
 *   <li>The number of steps is the number of tokens, and any other is refused.
 * </ul>
 *
 * <p>The recipes of the paper's sizes are {@code recipes/papers/unleashing-*-autoregressive}; docs/papers.md has each value with its place in the paper.
 *
 * <h2>Measured</h2>
 *
 * <p>Measured: see docs/methods.md.
 */
package dev.smalti.prior.autoregressive;
