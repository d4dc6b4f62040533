package dev.smalti.studio;

import dev.smalti.draw.Sampling;
import dev.smalti.job.Edit;

/** Images that a client wants. */
sealed interface Wish {
    /** How many. */
    int count();

    /**
     * Images from nothing.
     *
     * @param labels one for each image; null for an unconditional model
     * @param seed from which all of them grow, the i-th by its number
     * @param frames of the images in the making that are wanted of each, spread evenly over the steps; 0 for none
     * @param watched whether each step is told, with the tokens and how unsure the model was of them
     */
    record Draw(int count, long[] labels, long seed, Sampling sampling, int frames, boolean watched) implements Wish {}

    /** Variations of an image. */
    record Retouch(int count, Edit edit) implements Wish {}
}
