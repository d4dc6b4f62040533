/**
 * LPIPS, the learned perceptual image patch similarity: how far two images are apart as seen by a network that was trained
 * to name what is in images. Zhang et al. 2018, arXiv:1801.03924.
 *
 * <p>Data flow, of version 0.1: images in [-1, 1] [B, 3, H, W] -> (x + (.030, .088, .188)) / (.458, .448, .450) -> the
 * network's maps after five of its rectifiers, [B, C, h, w] -> each place's vector to length 1 -> squared differences, a
 * mean over places -> Σ_c w_c ≥ 0 of each map -> their sum, [B] (equation 1).
 *
 * <table>
 * <caption>What is compared</caption>
 * <tr><td>alex</td><td>conv1 to conv5; C = 64, 192, 384, 256, 256; images of 31×31 and more</td></tr>
 * <tr><td>vgg</td><td>conv1_2, 2_2, 3_3, 4_3, 5_3; C = 64, 128, 256, 512, 512; images of 16×16 and more</td></tr>
 * </table>
 *
 * <p>Sizes count: images of one size alone are compared with others, and they aren't resized here.
 *
 * <p>What differs from the reference: the ε of the length stands inside the root, whose gradient is otherwise not a number
 * where a network sees nothing in either of two images.
 *
 * <p>Weights are not part of this project. Those of the networks are torchvision's, those of the distance belong to the
 * project PerceptualSimilarity; see {@link dev.smalti.metric.lpips.Net} for the files. A distance is that of its network:
 * which it was belongs beside every number.
 */
package dev.smalti.metric.lpips;
