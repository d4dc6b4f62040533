/**
 * Continuous diffusion of learnt embeddings of tokens. Bac Nguyen, Chieh-Hsin Lai, Yuhta Takida, Naoki Murata, Toshimitsu
 * Uesaka, Stefano Ermon, Yuki Mitsufuji: <i>Improving Vector-Quantized Image Modeling with Latent Consistency-Matching
 * Diffusion</i>, 2024, arXiv:2410.14758 (VQ-LCMD); the diffusion itself: Diederik P. Kingma, Tim Salimans, Ben Poole, Jonathan
 * Ho: <i>Variational Diffusion Models</i>, 2021, arXiv:2107.00630.
 *
 * <p>Every code has a vector, and noise is added to the vectors of a grid. A transformer guesses the tokens of the noisy
 * vectors; the mean of the embeddings under its guess says where a step back should lead. Embeddings and network are learnt
 * together, which invites embeddings that are all alike and so easily guessed; matching the guesses along a path of the
 * probability flow is what the paper sets against that.
 *
 * <pre>
 * training:  x [B, L] -- {@link dev.smalti.prior.lcmd.Embeddings#of} --> e(x) [B, L, D] -- dropping, {@link
 * dev.smalti.prior.lcmd.NoiseLevel#noised} --> z_0, z_t
 *            -- network --> ln p [B, L, K] -- reconstruction at z_0; at z_t the distance of x̂ from e(x), and consistency with
 *            the teacher's guess at ẑ_s, a step of {@link dev.smalti.prior.lcmd.NoiseLevel#ddim} further, or at z_s drawn from
 *            q(z_s | z_t, x) --> nats a token
 * sampling:  noise [B, L, D] -- (network -> p -> x̂ -> {@link dev.smalti.prior.lcmd.NoiseLevel#ancestral}, ddim, or ddim of {@link
 * dev.smalti.prior.lcmd.NoiseLevel#extrapolated}), S times
 * --> z_0 -- draw of p(x | z_0) --> [B, h, w]
 * </pre>
 *
 * <table>
 * <caption>Symbols</caption>
 * <tr><td>e, e_[mask]</td><td>{@link dev.smalti.prior.lcmd.Embeddings}</td></tr>
 * <tr><td>α_t, σ_t, λ</td><td>{@link dev.smalti.prior.lcmd.NoiseLevel}, {@link dev.smalti.prior.lcmd.ShiftedCosine}</td></tr>
 * <tr><td>p_θ(x | z_t), x̂_θ</td><td>{@link dev.smalti.prior.lcmd.Guesser#logits}, {@link dev.smalti.prior.lcmd.Guesser#mean}</td></tr>
 * <tr><td>θ⁻</td><td>the teacher, buffers of the same names after {@code teacher.}</td></tr>
 * <tr><td>L_0, L_CM, L_DM, L_∞, CE</td><td>{@link dev.smalti.prior.lcmd.Lcmd#terms}: reconstruction, consistency, diffusion, variational, cross_entropy</td></tr>
 * <tr><td>β_CM, β_DM</td><td>{@link dev.smalti.prior.lcmd.LcmdConfiguration.Weights}</td></tr>
 * </table>
 *
 * <p>The baselines are weights too: CSDM is {@code {reconstruction: 1, variational: 1, consistency: 0, diffusion: 0}}, with
 * {@code origin: normalised} its ℓ2 variant, with {@code origin: codebook} CSDM†; CDCD (Dieleman et al. 2022,
 * arXiv:2211.15089) is {@code cross_entropy: 1} alone with {@code origin: normalised}.
 *
 * <p>What we chose where the paper's text lost its formulas, and what we do differently:
 *
 * <ul>
 *   <li>Which of the two weights is which follows from the paper's table of them: little of the first collapses as the run
 *       without consistency does, so the first, 1, is consistency's, and 0.005 the diffusion loss's. All terms are means
 *       over tokens, the diffusion loss a sum over dimensions.
 *   <li>Initial deviation 1/√D, shift 0.5, a teacher of decay 0.99 without dropout, λ within ±15: ours.
 *   <li>A codebook is scaled by one number to the norm that normalised embeddings have. Geometry stays, and the noise fits
 *       whatever the tokenizer's scale.
 *   <li>The network is told ln(σ/α) rather than t, so what it learns does not depend on the schedule. The sines of {@code kind:
 *       vq-diffusion} were made for times in [0, 1]: give it {@code time_scale: 67}.
 *   <li>The times of a batch are spread evenly over [0, 1]; where {@code variational} weighs anything, as densely as the bound's
 *       levels ({@link dev.smalti.prior.lcmd.ShiftedCosine#times}), since over even times a few near 0 would weigh 9·10⁹.
 *   <li>{@code consistency: {pair: data}}. With the flow's pair the true p(x | z_t) is no minimum: on a known joint it costs 0.16
 *       to 0.27 nats a token, and a constant guess nothing, since the flow's end is one token and p(x | z_t) is not. With z_s
 *       drawn from q(z_s | z_t, x), E[p(x | z_s) | z_t] = p(x | z_t), so what is learnt at less noise, from the data by
 *       reconstruction in the end, is carried to more noise as it should be ({@code docs/lcmd.md}, where {@code
 *       ConsistencyTest}'s enumeration is told).
 *   <li>Temperature, top-k and nucleus, which the paper does without, act on every guess p before its mean is taken, and on
 *       the last draw: so they sharpen the whole path. Guidance mixes log-probabilities before them.
 *   <li>{@code evidence}. What z_i says of its own token is known: ln N(z_i; α e_k, σ² I). Added to the logits, it leaves to the
 *       network the part that has to be learnt, what the other positions say; and that depends on them only by their
 *       evidence, of which E[e(x_j) | z_j] is a bijective form, clean where little noise is and the same for all where
 *       there is nothing but noise. Without it a small network must first learn to read each noisy vector at every level.
 *   <li>Dropping then means no evidence, the same as a position of pure noise looks, so what is learnt of dropped tokens
 *       is of use on the way as well.
 *   <li>{@code cross_entropy}. Consistency asks that guesses agree, not that they are right: its target at ẑ_s is made of the
 *       teacher's guess at z_t, so only the weak diffusion loss ties the noisy end to the data, and its gradient shrinks
 *       with the embeddings. Cross-entropy at every t ties it to the data directly, and has the true p(x | z_t) as its
 *       minimum, which ancestral sampling needs; consistency along the flow has another one, the flow's end point.
 *   <li>{@code sampler: multistep}, DPM-Solver++(2M), Lu et al. 2022, arXiv:2211.01095: the flow by steps of second order, without
 *       another call. It follows DDIM's path, so what is said of DDIM holds of it.
 *   <li>The bound ({@link dev.smalti.prior.lcmd.Lcmd#negativeLogLikelihood}) is the variational one in continuous time whatever was trained.
 * </ul>
 *
 * <p>Collapse shows in {@code metrics.jsonl} and {@code training.png}: mean norm and distance of the embeddings, and at t = 0.1,
 * 0.5, 0.9 the share of tokens whose embedding is the nearest to x̂ and the entropy of the guess, every 50 steps.
 *
 * <p>The recipes of the paper's sizes are {@code recipes/papers/lcmd-*}; docs/papers.md has each value with its place in the paper.
 *
 * <p>Measured: a total variation of 0.20 from the known joint (independent tokens 0.68, perfect draws 0.06), with evidence and
 * cross-entropy, and 0.21 with consistency by pairs from the data, 0.14 after four times as long; the paper's own weights collapse at this size, and its baselines come to 0.48 to 0.58. More in docs/lcmd.md.
 */
package dev.smalti.prior.lcmd;
