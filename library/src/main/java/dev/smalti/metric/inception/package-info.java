/**
 * The features of the FID: the Inception-v3 that was published on 2015-12-05 and that every paper's FID goes through.
 * Szegedy et al. 2016, arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500.
 *
 * <p>Data flow: images 0..255 [B, 3, H, W] -> TensorFlow 1's bilinear resize [B, 3, 299, 299] -> (v - 128) / 128 ->
 * eleven mixed blocks -> pool [B, 2048], spatial [B, 2023] and logits [B, 1008].
 *
 * <p>It is not torchvision's network. What differs, by TensorFlow's graph and its port in torch-fidelity: the resize
 * knows neither half pixels nor a filter; means of 3×3 leave the border out of their count; the last block takes the
 * maximum where the one before takes the mean; batch normalisation has ε = 0.001; there are 1,008 classes.
 *
 * <p>Weights are not part of this project: torch-fidelity publishes them as {@value
 * dev.smalti.metric.inception.Inception#PUBLISHED}, whose name ends with the beginning of its SHA-256.
 */
package dev.smalti.metric.inception;
