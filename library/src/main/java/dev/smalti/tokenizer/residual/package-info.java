/**
 * RDPM's diffusion tokenizer. Xiaoping Wu, Jie Hu, Xiaoming Wei: <i>RDPM: Solve Diffusion Probabilistic Models via Recurrent
 * Token Prediction</i>, 2024, section 3.1. The prior of its tokens is RDPM's second half.
 *
 * <p>An image's map of vectors is quantized in T steps with one codebook. Each step mixes noise into what the steps before
 * have left, much at first and none at last, and takes the nearest code; the codes' vectors add up to the map. So the codes
 * of a place tell the way from noise to image, and predicting them step by step is diffusion with a cross-entropy loss. The
 * network and its losses are those of a VQGAN ({@link dev.smalti.tokenizer.vqgan.Vqgan}).
 *
 * <pre>
 * x [B, 3, H, W] -- encoder, layer norm over channels --> v = z_1 [B, d, h, w]
 * t = 1..T:   v_t = α_t z_t + β_t ε_t --> C_t [B, h, w], the nearest codes --> v'_t = φ(e[C_t]), φ(q) = q + conv(q)
 *             z_{t+1} = z_t - v'_t,   z'_t = z'_{t-1} + v'_t
 * codes [B, T, h, w];   z'_T [B, d, h, w] -- decoder, gradients straight through to v --> x' [B, 3, H, W]
 * </pre>
 *
 * <p>z'_T + z_{T+1} = v, so the decoder misses just the last residual.
 *
 * <table>
 * <caption>The paper's symbols</caption>
 * <tr><td>T, φ of {@code pow}</td><td>{@code steps}, {@code base}</td></tr>
 * <tr><td>α_t, β_t, γ_t</td><td>{@link dev.smalti.tokenizer.residual.ResidualConfiguration#alpha}, {@code beta}, {@code
 * gamma}</td></tr>
 * <tr><td>algorithm 1</td><td>{@link dev.smalti.tokenizer.residual.ResidualQuantizer#steps}</td></tr>
 * <tr><td>L_quant, δ</td><td>{@link dev.smalti.tokenizer.residual.ResidualQuantizer.Steps#loss}, {@code
 * codebook.commitment}</td></tr>
 * <tr><td>L_recon</td><td>{@code difference}, {@code reconstruction}</td></tr>
 * <tr><td>η</td><td>{@code adversarial.weight}</td></tr>
 * <tr><td>"bias", the shared convolution</td><td>{@code convolution}</td></tr>
 * </table>
 *
 * <p>What is open in the paper, or different here:
 *
 * <ul>
 *   <li>Eq. 4 prints no stop-gradients; it is "consistent with" VQGAN's. Hence {@code stop_gradients: true}: the codebook and
 *       the convolution learn from |sg(v_t) - v'_t|², the encoder from δ |v_t - sg(v'_t)|². Eq. 4 to the letter is {@code
 *       false}. Squares are means over all values, and the sum over t is a sum, as printed.
 *   <li>Residuals carry no gradient to earlier codes: {@code detach: true}.
 *   <li>The convolution "processes quantized vectors as bias": we read it as φ(q) = q + conv(q), 3×3, beginning at zero.
 *   <li>The codebook may be a moving average, with dead codes revived ({@code update: moving_average}), rather than learn by
 *       gradient: after 200 steps on fruits at 32×32 all of 256 codes were in use (perplexity 254 of held-out images) against
 *       71 % (113). It follows the vectors of each step in turn. The convolution always learns by gradient.
 *   <li>The noise of an image is a function of one number, its noise seed ({@link dev.smalti.token.DiffusionNoise}): token
 *       files keep that, and priors make the noise again. While the tokenizer trains, noise is fresh in each batch.
 *   <li>At t = T there is no noise, so the last residual is what one code leaves of the last vector: the tokenizer cannot be
 *       better than one code of K is for the noise of the step before. Few dimensions make that easier and tell less.
 *   <li>The perceptual loss is the VQGAN's, {@code autoencoder.perceptual}; without one there is none.
 * </ul>
 *
 * <p>The recipe of the paper's size is {@code recipes/papers/rdpm-imagenet-tokenizer.yaml}; docs/papers.md has each value with its
 * place in the paper.
 *
 * <p>Measured: docs/rdpm.md.
 */
package dev.smalti.tokenizer.residual;
