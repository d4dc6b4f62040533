package dev.smalti.job;

import dev.smalti.prior.TokenBatch;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.run.RunFolder;
import dev.smalti.token.TokenFile;
import java.util.Map;

/** Where the grids come from on which a prior is trained: a token file, or images that are encoded meanwhile. */
interface TokenSource extends AutoCloseable {
    /** What messages call it. */
    String name();

    /** The recipe, with what this source fills in. */
    PriorRecipe recipe();

    /** The alphabet, classes and codebook of all grids. */
    TokenFile facts();

    /** The classes that some grid has, each once, in order. */
    int[] occurring();

    /** The run folder of the tokenizer; null if it isn't known. */
    RunFolder tokenizer();

    /** A hash of what is trained on. */
    String fingerprint();

    /** Fingerprints of what the grids were made by and measured on, by role. */
    Map<String, String> parents();

    /** The {@code number}-th batch of one process on the device, with labels; it depends on its number and the recipe's seed alone. */
    TokenBatch batch(long number);

    /** What isn't trained on but measured. */
    HeldOutGrids heldOut();

    @Override
    void close();

    /**
     * Grids of a file.
     *
     * @param order which of them, in the order in which they are measured; empty for none
     */
    record HeldOutGrids(TokenFile file, int[] order) {}
}
