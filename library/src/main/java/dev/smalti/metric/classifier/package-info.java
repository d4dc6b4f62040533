/**
 * Features from one's own images, where the network of the FID is not at hand or has never seen their like: a small residual
 * network that tells the classes of a data set apart. He et al. 2016, arXiv:1603.05027 (the order within a block); Wu and He
 * 2018, arXiv:1803.08494 (group normalisation, so that an image's features don't depend on the others of its batch).
 *
 * <p>Data flow, training: images [B, 3, H, W] in [-1, 1], moved by a few pixels -> maps of each resolution [B, C, h, w] ->
 * the mean of the last over all places, features [B, D] -> logits [B, K] -> cross-entropy with label smoothing. Measuring:
 * the same without dropout, in float32. A perceptual loss takes the maps.
 *
 * <p>What it is good for: distances between sets of images of the data that it was trained on, or their like, compared with
 * others of the same weights, whose SHA-256 stands beside each number. It sees what tells classes apart, and what doesn't it
 * may overlook. Its Fréchet distance is no FID and its score no Inception score: those are of one published network.
 *
 * <p>Measured: {@code recipes/fruits/features.yaml} recognises 95.1 % of fruits it has not seen, of 67 kinds, and
 * {@code recipes/cifar10/features.yaml} 73.5 % of CIFAR-10's test images; their headers have the commands.
 *
 * <p>Where it differs from the paper: swish for ReLU, 16 channels to a group, the mean of each 2×2 where a shortcut is halved.
 */
package dev.smalti.metric.classifier;
