package dev.smalti.prior;

import dev.smalti.network.LearntNetwork;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/** What a recipe says of a prior, and how one is built of it. Implementations are records. */
public interface PriorConfiguration {
    /**
     * A new, untrained prior.
     *
     * <p>On libtorch's meta device, where tensors have shapes and no numbers, it has the same {@linkplain
     * dev.smalti.network.Parameters#blueprint shapes}: so the weights of a run folder are compared with it before it takes memory
     * by what the folder says. What grows with the tokens' sizes is registered by its shape for that, or made of {@link
     * dev.smalti.network.Parameters#count}.
     *
     * @param classes of the tokens; 0 if they have none
     */
    Prior build(TokenSpace space, int classes, Seed seed, Device device);

    /** The network that learns, which every record with a component of that name says; null where a method has none of these. */
    default LearntNetwork network() {
        return null;
    }

    /** What its loss keeps of a pass for the backward one: here the logits of a cross-entropy. */
    default LossMemory lossMemory() {
        return LossMemory.CROSS_ENTROPY;
    }

    /**
     * Refuses tokens that the method can't take: here those with several codes at each place.
     *
     * @throws IllegalArgumentException saying which tokens it takes
     */
    default void check(TokenSpace space) {
        if (space.depth() > 1) {
            throw new IllegalArgumentException(
                    "there are " + space.depth()
                            + " codes a position, and this prior takes one: use kind rdpm, or encode with a tokenizer of one code");
        }
    }

    /**
     * The share of training grids whose class is hidden: 0.1 if left out.
     *
     * @throws IllegalArgumentException if it is not in [0, 1]
     */
    static double labelDropping(Double given) {
        double share = given == null ? 0.1 : given;
        if (!(share >= 0 && share <= 1)) {
            throw new IllegalArgumentException("label_dropping must be in [0, 1], got " + share);
        }
        return share;
    }
}
