/**
 * RDPM, the recurrent diffusion probabilistic model. Xiaoping Wu, Jie Hu, Xiaoming Wei: <i>RDPM: Solve Diffusion
 * Probabilistic Models via Recurrent Token Prediction</i>, 2024, section 3.2.
 *
 * <p>A diffusion tokenizer has turned each place of a grid into the codes C_1..C_T of T steps, the first of which quantize
 * mostly noise and the last mostly image. A transformer that sees the noise of step t and the sum of what was chosen before
 * guesses C_t everywhere at once. Drawing needs T passes and nothing but fresh noise; the loss is a language model's.
 *
 * <pre>
 * training   codes [B, T, h, w], noise seeds [B] ── t of 1..T ──► ε_t, z'_{t-1} = Σ_{i&lt;t} φ(e[C_i])   [B, L, d] each
 *            concat [B, L, 2d] ── linear to d, to D, Llama's blocks with adaLN-Zero of (t, y) ──► logits [B, L, K]
 *            cross-entropy against C_t, the mean over L
 * sampling   z'_0 = 0;   t = 1..T: ε_t ~ N(0, I), C_t ~ softmax(τ ℓ), ℓ = ℓ_c + λ_t (ℓ_c - ℓ_u), z'_t = z'_{t-1} + φ(e[C_t])
 *            codes [B, T, h, w]
 * </pre>
 *
 * <table>
 * <caption>The paper's symbols</caption>
 * <tr><td>T</td><td>the depth of the tokens, {@link dev.smalti.token.TokenSpace#depth}</td></tr>
 * <tr><td>ε_t</td><td>{@link dev.smalti.token.DiffusionNoise} of a noise seed: in training the very noise that was quantized</td></tr>
 * <tr><td>z'_t</td><td>{@link dev.smalti.prior.rdpm.Rdpm#accumulated}</td></tr>
 * <tr><td>f</td><td>{@link dev.smalti.network.LlamaTransformer}</td></tr>
 * <tr><td>L_gen, algorithm 2</td><td>{@link dev.smalti.prior.rdpm.Rdpm#objectives}, {@link dev.smalti.prior.rdpm.Rdpm#sample}</td></tr>
 * <tr><td>λ; its linear rise</td><td>{@link dev.smalti.draw.Sampling#guidance}; {@link dev.smalti.draw.GuidanceSchedule#LINEAR}:
 * λ (t - 1) / (T - 1)</td></tr>
 * <tr><td>τ</td><td>1 / {@link dev.smalti.draw.LogitFilter#temperature}: it multiplies the logits</td></tr>
 * </table>
 *
 * <p>What is open in the paper, or different here:
 *
 * <ul>
 *   <li>{@code head}. The paper's is a classification layer, {@code logits}. But the tokenizer took the code nearest to α_t (v -
 *       z'_{t-1}) + β_t ε_t, of which only the map v is unknown when C_t is drawn. {@code tied}
 *       ({@link dev.smalti.prior.rdpm.TiedCode}) is that layer tied to the codebook, with noise and sum beside its input. {@code guesses},
 *       the default, lets the network guess v four times, and the codes' probabilities follow by arithmetic
 *       ({@link dev.smalti.prior.rdpm.NearestCode}); the layer's logits are added. On fruits in small 2.33, 1.87 and 1.72 bits a code
 *       after as much training; on a known world a total variation of 0.52, 0.34 and 0.18.
 *   <li>Which steps of a grid are trained on at once: one, spread evenly over the batch, or {@code times: all}.
 *   <li>Codebook, convolution and noise come from the token file, and the prior never sees the tokenizer; hence an image has
 *       the noise it was encoded with in every epoch, where the paper's tokenizer can draw it anew.
 *   <li>Argmax without Gumbel noise is top-k 1; with it, eq. 8 is a draw from softmax(τ ℓ), as everywhere here.
 *   <li>"Llama" is read as root mean square norms, SwiGLU of 8/3 of the width and no biases, with learnt positions and
 *       adaLN-Zero with a linear layer of its own in each block: that gives the paper's 133, 310 and 602 M parameters.
 *     Rotations
 *       can be added ({@code rotary}).
 *   <li>The likelihood is that of the codes given their noise, exactly: {@link dev.smalti.prior.rdpm.Rdpm#negativeLogLikelihood(
 *       dev.smalti.prior.TokenBatch, dev.smalti.tensor.Seed)}. {@code likelihood} divides it by the codes, T a place: T
 *     times its
 *       bits per token are the bits a place, which can be told beside another method's bits per token, but not compared
 *       with them, since the tokens are not the same.
 * </ul>
 *
 * <p>The recipes of the paper's sizes are {@code recipes/papers/rdpm-imagenet-*}; docs/papers.md has each value with its place in the paper.
 *
 * <p>Measured: docs/rdpm.md.
 */
package dev.smalti.prior.rdpm;
