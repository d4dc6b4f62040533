package dev.smalti.network;

import dev.smalti.tensor.Seed;

/**
 * Something that can be trained: tensors, and a loss of them on a batch. A prior is one objective; a VQGAN is two, the
 * autoencoder and the discriminator, trained in turn on the same batch.
 *
 * @param <B> what a batch is
 */
public interface Objective<B> {
    /** Unique among the objectives that are trained together; names its metrics and its part of a checkpoint. */
    String name();

    Parameters parameters();

    /** The step from which on there is a loss, from 0: that at which a discriminator joins, for one. */
    default long begins() {
        return 0;
    }

    /** Its learning rate in units of the training's; above 0. */
    default double rate() {
        return 1;
    }

    /**
     * The loss on {@code batch}, differentiable with respect to the weights of {@link #parameters}.
     *
     * @param step the training step, from 0
     * @param seed all randomness of the loss comes from here
     */
    Loss loss(B batch, long step, Seed seed);
}
