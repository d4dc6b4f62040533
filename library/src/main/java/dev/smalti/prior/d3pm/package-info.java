/**
 * D3PM. Jacob Austin, Daniel D. Johnson, Jonathan Ho, Daniel Tarlow, Rianne van den Berg: Structured Denoising Diffusion
 * Models in Discrete State-Spaces, 2021, arXiv:2107.03006.
 *
 * <p>A chain of T steps loses tokens: each step replaces one with probability β_t by a code at random, or masks it. A
 * network that is told x_t and t guesses the clean tokens; the guess and the chain's own probabilities make the step back.
 * What is learnt is the bound on -ln p, term by term, with a little cross-entropy of the guess beside it.
 *
 * <pre>
 * training   x0 [B, L] ── t of 1..T, q(x_t | x_0) ──► xt [B, L] ── network(xt, t-1, label) ──► ℓ [B, L, K]
 *            p(x_{t-1} | x_t) [B, L, S] of softmax ℓ;   T (KL(q(x_{t-1} | x_t, x_0) ‖ p) + λ CE(ℓ, x0))
 * sampling   x_T uniform or masked;   T' times: ℓ, guidance, temperature, top-k, top-p ──► p(x_0) ──► x_s ~ p(x_s | x_t)
 * </pre>
 *
 * <table>
 * <caption>The paper's symbols</caption>
 * <tr><td>Q_t, Q̄_t</td><td>{@link dev.smalti.corruption.Corruption}, of a {@link dev.smalti.corruption.Level} (ᾱ_t, γ̄_t)</td></tr>
 * <tr><td>β_t</td><td>{@link dev.smalti.corruption.Schedule}</td></tr>
 * <tr><td>q(x_{t-1} | x_t, x_0), p_θ(x_{t-1} | x_t)</td><td>{@link dev.smalti.corruption.Corruption#logPosterior}</td></tr>
 * <tr><td>p̃_θ(x̃_0 | x_t)</td><td>softmax of the network's logits</td></tr>
 * <tr><td>L_vb, L_{t-1}</td><td>{@link dev.smalti.prior.process.ReverseProcess.Terms#divergence}</td></tr>
 * <tr><td>λ</td><td>{@code crossEntropy}</td></tr>
 * </table>
 *
 * <p>What is different here:
 * <ul>
 * <li>{@code posterior: normalised} is the default: the exact posterior averaged over the guess, as VQ-Diffusion has it. The
 *     paper's reading is {@code joint}; its best guess is p(x_0 | x_t) / q(x_t | x_0) rather than p(x_0 | x_t), from which
 *     the cross-entropy pulls it away. In both p(x_0 | x_1) is the guess itself. A chain in fewer steps ends with a step
 *     from a later time, which is then read as the network learnt that time. {@code context} is exact like the first and has
 *     the best guess of the second: what the other tokens tell, times q(x_t | x_0), is p(x_0 | x_t), and bound and
 *     cross-entropy agree on it. After 5,500 steps of 128 of
 *     {@code recipes/toy/d3pm-uniform.yaml} its draws were 0.13 from the known joint of the tests ({@code cross_entropy:
 *     0.02}), those of {@code joint} 0.16 ({@code 0}).
 * <li>The last step is drawn, like the others, and not the likeliest tokens taken: the bound is of what is drawn.
 * <li>The loss is T times a term, so that its mean is the bound, in bits per token; so λ T weighs the mean cross-entropy, as
 *     in the paper's code, whose loss is 1/T of this.
 * <li>In float64 and without the code's 10⁻⁶ within its logarithms; a log-probability is at least -70 instead.
 * <li>With absorbing transitions the network is asked of masked tokens alone, and the cross-entropy is of them. The chain and
 *     its bound are then those of {@code prior.absorbing}.
 * <li>Discretised Gaussian and nearest-neighbour transitions need an order among codes, which a codebook's don't have.
 * </ul>
 *
 * <p>Measured: see docs/methods.md.
 */
package dev.smalti.prior.d3pm;
