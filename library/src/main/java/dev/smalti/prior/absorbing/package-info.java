/**
 * Absorbing diffusion. Sam Bond-Taylor, Peter Hessey, Hiroshi Sasaki, Toby P. Breckon, Chris G. Willcocks: <i>Unleashing
 * Transformers: Parallel Token Prediction with Discrete Absorbing Diffusion for Fast High-Resolution Image Generation from
 * Vector-Quantized Codes</i>, 2022, arXiv:2111.12701.
 *
 * <p>Tokens are lost to a mask, each alone and for good. A transformer that sees the rest of a grid guesses the masked ones,
 * in no particular order. Beginning with masks only, each step reveals some tokens by drawing from these guesses, many at a
 * time.
 *
 * <pre>
 * training:  x0 [B, L] -- mask each with probability t/T --> xt [B, L] -- network --> logits [M, K] where masked
 *            -- cross-entropy, summed over a grid: S_t [B] -- weighted by t --> bits per token
 * sampling:  all masked [B, L] -- T' times: reveal each with probability 1/t, drawn from softmax(logits) --> grid [B, h, w]
 * </pre>
 *
 * <table>
 * <caption>Symbols</caption>
 * <tr><td>T</td><td>{@link dev.smalti.prior.absorbing.AbsorbingConfiguration#steps}</td></tr>
 * <tr><td>[z_t]_i = m</td><td>{@link dev.smalti.corruption.Absorbing}, sections 2.3 and 3.2</td></tr>
 * <tr><td>S_t</td><td>{@link dev.smalti.prior.absorbing.AbsorbingDiffusion#entropy}, summed over a grid</td></tr>
 * <tr><td>eq. 6; eq. 7, its re-weighting</td><td>{@link dev.smalti.prior.absorbing.AbsorbingDiffusion#trainingLoss}</td></tr>
 * </table>
 *
 * <p>What we do differently, and why:
 *
 * <ul>
 *   <li>The re-weighting is (T - t + 1)/T, as eq. 7 (eq. 14 in the appendix has T - t - 1, a slip); the released code's 1 - t/T, which gives no weight at all to the
 *       first step of a draw, is {@code reweighted_elbo_as_released}.
 *   <li>The network sees only grids in which a step reveals something, each of which goes on to its own next such step without
 *       waiting for the others, and its last block only the revealed positions.
 *   <li>The bound is estimated by the number of masked tokens, drawn without replacement, rather than by t: that of T → ∞, and
 *       beside it that of T steps, equation 6.
 *   <li>Images larger than those of training are drawn in random order through the mean of some windows, unless {@code
 *       --windows all} (equation 8) or {@code random} is asked for, or {@code --order raster}, the order of the released code.
 *   <li>A masked place may show one of several mask tokens, drawn at random ({@code masks}), so that one pass can decide jointly:
 *       {@link dev.smalti.corruption.MaskTokens}. Students that draw in few steps: {@link dev.smalti.prior.process.Distillation}.
 *   <li>A network that knows time is told t - 1; the paper's has no use for it.
 * </ul>
 *
 * <p>The recipes of the paper's sizes are {@code recipes/papers/unleashing-*}; docs/papers.md has each value with its place in the
 * paper, and says which are of the released code or ours.
 *
 * <p>Measured: see docs/unleashing.md, docs/methods.md, and the card of the bundled model.
 */
package dev.smalti.prior.absorbing;
