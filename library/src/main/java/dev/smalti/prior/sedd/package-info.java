/**
 * Score entropy discrete diffusion over image tokens. Aaron Lou, Chenlin Meng, Stefano Ermon: <i>Discrete Diffusion Modeling
 * by Estimating the Ratios of the Data Distribution</i>, 2024, arXiv:2310.16834; as a system for images: Anthony Zhan, Aaron
 * Lou: <i>Discrete Diffusion for Image Generation</i>.
 *
 * <p>Tokens are lost in continuous time, to a mask or to any code. A transformer that is told the noise learns, for every
 * position, how much likelier the grid would be with another token there; score entropy is the loss whose minimum these
 * ratios are. With them the chain can be run backwards, from noise to grids, in any number of steps.
 *
 * <pre>
 * training:  x0 [B, L] -- {@link dev.smalti.prior.sedd.Graph#corrupt} at σ(t) --> x [B, L] -- network(x, σ) --> ln s [M, S]
 *            -- {@link dev.smalti.prior.sedd.Graph#scoreEntropy} --> [M] -- Σ over tokens, times σ'(t) --> nats a grid
 * sampling:  limit [B, L] -- (ln s -> probabilities of a step -> draw), S' times --> x [B, L] -- denoise --> grid [B, h, w]
 * </pre>
 *
 * <table>
 * <caption>Symbols</caption>
 * <tr><td>σ(t), σ'(t)</td><td>{@link dev.smalti.corruption.Noise#total}, {@link dev.smalti.corruption.Noise#rate}</td></tr>
 * <tr><td>Q</td><td>{@link dev.smalti.prior.sedd.Graph}: {@code Absorb}, {@code Uniform}</td></tr>
 * <tr><td>s</td><td>{@link dev.smalti.prior.sedd.Sedd#logScore}</td></tr>
 * <tr><td>L_DWDSE</td><td>{@link dev.smalti.prior.sedd.Sedd#trainingLoss}</td></tr>
 * <tr><td>Tweedie, Euler</td><td>{@link dev.smalti.prior.sedd.Sedd#analytic}, {@link dev.smalti.prior.sedd.Sedd#euler}</td></tr>
 * </table>
 *
 * <p>What we do differently, and why:
 *
 * <ul>
 *   <li>Score entropy is summed as r·(e^z - 1 - z) with z = ln s - ln r. The published form adds terms of opposite sign
 *       whose sum is far smaller than they are at small σ; here no term is negative, and float32 is enough.
 *   <li>The times of a batch are spread evenly over [0.001, 1] rather than drawn each on its own.
 *   <li>Learnt positions are added to the rotary ones ({@code learnt_positions: false} is the papers' network). Rotations
 *       tell only how far apart two tokens are, so an all-masked grid looks the same from every position: a network
 *       without them can't learn even the marginal distributions of the corners of a grid.
 *   <li>Euler's steps begin where the first changes something, see {@link
 *       dev.smalti.prior.sedd.SeddConfiguration.Predictor#EULER}.
 *   <li>The log-sin schedule is our reading of a name, see {@link dev.smalti.corruption.Noise.Shape#LOG_SIN}.
 *   <li>The last layer is float32 where the network around it is bfloat16: ln s spans tens of nats, of which bfloat16 keeps
 *       eight bits.
 *   <li>Guidance mixes ln s of both halves as the paper says. The total of the ratios, which says when a token is revealed,
 *       then drifts, so with a mask it is set to what true ratios have, unless {@code sampling.renormalise} is false. With
 *       uniform transitions and {@code parametrisation: exact} it mixes the guesses of the clean token instead, from which ratios of the right total follow.
 *       Temperature, top-k and nucleus, for which the paper gives no formula, change to which code a token jumps and never when.
 *   <li>{@code parametrisation: exact} makes the ratios of clean-token probabilities, whose total is right by
 *       construction. With a mask that is masked diffusion (MDLM, Sahoo et al. 2024, arXiv:2406.07524), and at once the bound
 *       of absorbing diffusion. With uniform transitions the network says what the other tokens tell of one, and the noise
 *       does the rest.
 *   <li>The bound does not depend on the schedule between its ends. With a mask it is estimated by the number of masked
 *       tokens, drawn without replacement, rather than by time: {@link dev.smalti.prior.process.MaskedBound}; with uniform
 *     transitions
 *       by noise that is often small, where a replaced token is rare and weighs much.
 * </ul>
 *
 * <p>The recipes of the paper's sizes are {@code recipes/papers/sedd-*}; docs/papers.md has each value with its place in the paper.
 *
 * <p>Measured: see docs/methods.md.
 */
package dev.smalti.prior.sedd;
