package dev.smalti.prior;

/**
 * What a loss keeps for the backward pass, by which the memory of training is reckoned before it.
 *
 * @param passes of the network that gradients go through; at least 1
 * @param logitBytes what is kept of each code at each place; at least 1
 * @param teacher whether a second set of weights follows the first
 */
public record LossMemory(int passes, int logitBytes, boolean teacher) {
    /** Logits in bfloat16 and float32, their softmax, and its gradient. */
    public static final LossMemory CROSS_ENTROPY = new LossMemory(1, 16, false);
}
