/**
 * VQGAN: an autoencoder whose map of vectors is quantized by a codebook, trained against a discriminator. Patrick Esser,
 * Robin Rombach, Björn Ommer: <i>Taming Transformers for High-Resolution Image Synthesis</i>, 2021, arXiv:2012.09841; with
 * what Sam Bond-Taylor et al. 2022, arXiv:2111.12701, sections 3.1 and 3.4, add.
 *
 * <pre>
 * x [B, 3, H, W] -- encoder --> z [B, D, h, w] -- nearest code --> codes [B, h, w], z_q -- decoder --> x̂ [B, 3, H, W]
 * nll = mean |x - x̂| + w d(x, x̂)
 * L   = nll + codebook + d_w g,   g = -mean D(x̂),   d_w = min(|∇ nll| / (|∇ g| + 1e-4), max_weight) · weight  (eq. 7; the cap: eq. 9c)
 * L_D = ½ (mean relu(1 - D(x)) + mean relu(1 + D(x̂)))
 * </pre>
 *
 * <table>
 * <caption>Symbols, keys of a recipe and measures of a run</caption>
 * <tr><td>mean |x - x̂|</td><td>measure {@code reconstruction}</td></tr>
 * <tr><td>d, w</td><td>{@code perceptual}, {@code perceptual.weight} ({@link
 * dev.smalti.tokenizer.PerceptualConfiguration}); measure {@code perceptual}, without w</td></tr>
 * <tr><td>D, d_w</td><td>{@code adversarial} ({@link dev.smalti.tokenizer.vqgan.AdversarialConfiguration}); measures {@code
 * generator}, {@code adaptive_weight}</td></tr>
 * <tr><td>the codebook's loss</td><td>{@code codebook}, measure {@code codebook}</td></tr>
 * </table>
 *
 * <p>What differs from Bond-Taylor et al., whose value is an option:
 *
 * <ul>
 *   <li>g and L_D are the hinge of both released codes; the paper prints ln D(x) + ln(1 - D(x̂)), eq. 9b, which is {@code
 *       adversarial.loss: log}.
 *   <li>β is on the encoder's term, as eq. 5 prints it; {@code codebook.legacy: true} puts it on the codebook's, as both released
 *       codes trained their models by a slip.
 *   <li>Images are in [-1, 1], Esser et al.'s range. The paper names none; its released code takes [0, 1], which is {@code range:
 *       unit}.
 *   <li>With {@code pixel_likelihood} the pixel Gaussian is trained beside the rest, on features that it can't change; the paper fits
 *       it to a trained model (section 4.1.1), which is {@code trained: pixel_likelihood}.
 * </ul>
 *
 * <p>Layers and choices of codes that published relatives have otherwise are keys too: {@link
 * dev.smalti.tokenizer.vqgan.VqganLayers} (MaskGIT's), {@code codebook.choice} (LlamaGen's, and taming's with Gumbel noise).
 *
 * <p>docs/papers.md has the values of the recipes, each with its place in the paper.
 *
 * <p>d is none unless a recipe says otherwise, because the papers' needs weights that aren't part of this project:
 *
 * <pre>
 * tokenizer:
 *   kind: vqgan
 *   perceptual: {kind: lpips, net: vgg, backbone: vgg16-397923af.pth, linear: vgg.pth, weight: 1.0}
 * </pre>
 *
 * <p>The files are those of {@link dev.smalti.metric.lpips.Lpips#open}, and belong to training alone: what was trained
 * encodes and decodes without them. Without them, {@code {kind: features, run: RUN}} takes a run of {@code train-features}
 * on one's own labelled images. Their SHA-256 stand in the run's provenance. Training goes on only where they still
 * are.
 */
package dev.smalti.tokenizer.vqgan;
