/**
 * Codebooks: how a vector becomes the number of its nearest code, and how the codes learn.
 *
 * <p>van den Oord et al. 2017, arXiv:1711.00937 (nearest neighbour, straight-through gradient, commitment; the
 * moving-average codebook of its appendix A.1). Dead codes are revived with vectors of the batch, as Dhariwal et al. 2020,
 * arXiv:2005.00341.
 *
 * <p>What a code is chosen by may be another thing than distance, as in published tokenizers: the direction (Yu et al. 2022,
 * arXiv:2110.04627, as LlamaGen), or a projection onto K logits with Gumbel noise in training (Jang et al. 2017, arXiv:1611.01144).
 */
package dev.smalti.tokenizer.quantize;
