/**
 * MaskGIT: Huiwen Chang, Han Zhang, Lu Jiang, Ce Liu, William T. Freeman, MaskGIT: Masked Generative Image Transformer,
 * 2022, arXiv:2202.04200. With the order of Victor Besnier, Mickael Chen, David Hurych, Eduardo Valle, Matthieu Cord, Halton
 * Scheduler for Masked Generative Image Transformer, 2025, arXiv:2503.17076.
 *
 * <p>A transformer that sees the whole grid learns to guess masked tokens, from grids of which any share is masked. To draw,
 * it guesses all masked tokens at once, keeps some of the guesses and guesses the others again, so that a grid takes as many
 * passes as there are steps and not as there are tokens. What is kept are the guesses that the model is surest of, with some
 * noise, or those whose turn it is in an order that keeps the tokens of one step far apart.
 *
 * <pre>
 * training   x0 [B, L] -> r, u -> masked [B, L] -> xt [B, L] -> network -> logits at the masked ones [M, K]
 *            -> smoothed cross-entropy
 * sampling   all masked [B, L]
 *            S times:  network -> logits at the masked ones [M, K] (in an order: at those whose turn it is)
 *                      -> tempered, drawn [M] -> confidence [B, L] -> the surest stay, the others are masked again [B, L]
 * </pre>
 *
 * <table>
 * <caption>Symbols</caption>
 * <tr><td>γ(r)</td><td>{@link dev.smalti.prior.maskgit.MaskSchedule#share}</td></tr>
 * <tr><td>T, N (arXiv:2202.04200)</td><td>S the steps of a draw, L the tokens of a grid</td></tr>
 * <tr><td>n = ⌈γ(r) N⌉</td><td>{@code MaskGit.lost}, one token at least</td></tr>
 * <tr><td>n = ⌈γ(t/T) N⌉ while decoding</td><td>L - {@code MaskGitSampling.known}, rounded as the released codes do</td></tr>
 * <tr><td>c_i, and its temperature</td><td>{@link dev.smalti.prior.process.Confidence#of}; {@link dev.smalti.prior.maskgit.MaskGitSampling#noise} · (1 - ρ)</td></tr>
 * <tr><td>Halton sequence</td><td>{@link dev.smalti.prior.process.Halton#order}</td></tr>
 * </table>
 *
 * <p>Ours, and why:
 *
 * <ul>
 *   <li>Confidence is the model's own probability of the guess, before temperature, top-k and top-p. The released code of
 *       Chang et al. has none of these, that of Besnier et al. takes it after temperature; but of the only code that is left
 *       it would be 1, whatever the model thinks of it.
 *   <li>A known token is never drawn again, unlike in the released code of Besnier et al., and no mask is ever drawn: the
 *       networks here give no logit for it.
 *   <li>Each step reveals one token at least, for any schedule, and more steps than tokens are refused. With as many steps as
 *       tokens, in the order of Halton or a random one, draws follow the model exactly, for each token is drawn given all
 *       before it. By confidence they don't: which tokens stay depends on what they are, and likely ones are favoured.
 *   <li>Label smoothing is libtorch's, ε / K for every code, the right one too; that of Chang et al. gives ε / (K - 1) to the
 *       wrong ones. What is learnt with it is 1 - ε times the truth plus ε / K everywhere. By confidence few such codes stay;
 *       in a fixed order nothing rejects them, so set it to 0 there, or draw with top-p. {@code nats} takes it as part of the
 *       model.
 *   <li>Besnier et al. make the logits steeper from step to step; here one temperature serves all steps.
 *   <li>Guidance that grows from 0 over the steps, as Besnier et al.'s by confidence, is
 *       {@link dev.smalti.draw.GuidanceSchedule#LINEAR}.
 *   <li>A masked place may show one of several mask tokens ({@code masks}), and students that draw in few steps can be distilled: as
 *       in {@link dev.smalti.prior.absorbing}.
 *   <li>The network is told the masked share as its time; the transformers of both papers see it in the tokens and ignore it.
 * </ul>
 *
 * <p>Their network is {@link dev.smalti.network.HaltonTransformer}, and that of the reproduction before it, Besnier and Chen 2023,
 * arXiv:2310.14400, {@link dev.smalti.network.BesnierTransformer}; any other does. To train as the released code of Besnier
 * et al.: schedule {@code arccos}, masking {@code independent}, unmasked_weight 1, label_smoothing 0, order {@code halton}.
 *
 * <p>Measured: see docs/methods.md.
 */
package dev.smalti.prior.maskgit;
