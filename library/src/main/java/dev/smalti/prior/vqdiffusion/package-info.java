/**
 * VQ-Diffusion. Shuyang Gu, Dong Chen, Jianmin Bao, Fang Wen, Bo Zhang, Dongdong Chen, Lu Yuan, Baining Guo: Vector Quantized
 * Diffusion Model for Text-to-Image Synthesis, 2022, arXiv:2111.14822; and Zhicong Tang, Shuyang Gu, Jianmin Bao, Dong Chen,
 * Fang Wen: Improved Vector Quantized Diffusion Models, 2022, arXiv:2205.16007.
 *
 * <p>A chain of T steps masks most tokens and replaces some by other codes, so that the network must look at what isn't masked
 * too, and can mend it. The network is told x_t and t and guesses the clean tokens; the exact posterior averaged over the guess
 * is the step back. The second paper draws the tokens that the network is surest of first, so that fewer are drawn at once that
 * depend on one another.
 *
 * <pre>
 * training   x0 [B, L] ── t ~ p(t), q(x_t | x_0) ──► xt [B, L] ── network(xt, t-1, label) ──► ℓ [B, L, K]
 *            p(x_{t-1} | x_t) [B, L, K + 1] of softmax ℓ;   (KL(q(x_{t-1} | x_t, x_0) ‖ p) + λ_t CE(ℓ, x0)) / p(t)
 *            h_t ← 0.9 h_t + 0.1 KL²,   p(t) ∝ √h_t
 * sampling   x_T of masks and codes;   T' times: ℓ, guidance, temperature, top-k, truncation ──► p(x_0) ──► x_s ~ p(x_s | x_t)
 * purity     x_T of masks alone;   T' - 1 times: n masks by how sure p(x_0) is there, of p(x_0)^(1 + r·score);   then a step
 * </pre>
 *
 * <table>
 * <caption>The papers' symbols</caption>
 * <tr><td>α_t, γ_t, β_t; ᾱ_t, γ̄_t, β̄_t</td><td>{@link dev.smalti.corruption.Level}: kept, masked, and the rest over K</td></tr>
 * <tr><td>Q_t, Q̄_t</td><td>{@link dev.smalti.corruption.MaskAndReplace}</td></tr>
 * <tr><td>q(x_{t-1} | x_t, x_0), p_θ(x_{t-1} | x_t, y)</td><td>{@link dev.smalti.corruption.Corruption#logPosterior}</td></tr>
 * <tr><td>p_θ(x̃_0 | x_t, y)</td><td>softmax of the network's logits</td></tr>
 * <tr><td>λ</td><td>{@code auxiliary}</td></tr>
 * <tr><td>truncation rate r</td><td>{@code sampling.truncation}, which is {@link dev.smalti.draw.LogitFilter#topP}</td></tr>
 * <tr><td>purity; r of eq. 11; Δz</td><td>score; {@code sampling.purity}; {@code sampling.tokens}</td></tr>
 * </table>
 *
 * <p>What is different here:
 * <ul>
 * <li>The released code replaces one token in a million, so that it only masks; {@code transitions: paper} replaces one in ten
 *     as the paper says, {@code as_released} does as released.
 * <li>A chain starts from p(x_T) with the share of masks that the last level has, and else any code, so that the bound is
 *     finite; the purity rule starts from masks alone, as released.
 * <li>Whether a mask stays is drawn before the network is asked, which it doesn't depend on, and only the others are computed.
 * <li>Fewer steps: the posterior is over several at once. The released code treats x_t as if it were of the time between.
 * <li>{@code posterior: context} takes the network's guess as what the other tokens tell, and multiplies what the token
 *     itself tells, q(x_t | x_0), which is known. It is the same model, with less to learn where tokens are replaced.
 * <li>The purity rule draws as many tokens at each step, L/T' or {@code sampling.tokens}; the released code has fixed lists.
 * <li>The bound that is reported has the prior's term, and no weight of masks.
 * <li>Classes, by guidance or by label; no text.
 * </ul>
 *
 * <p>Measured: see docs/methods.md.
 */
package dev.smalti.prior.vqdiffusion;
