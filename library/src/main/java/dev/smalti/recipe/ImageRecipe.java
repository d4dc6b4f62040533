package dev.smalti.recipe;

import dev.smalti.data.Crop;

/**
 * How images are prepared that become tokens while a prior is trained on them.
 *
 * @param crop how a picture becomes a square; that of the tokenizer's training if left out
 * @param flip whether half of the images are mirrored; as in the tokenizer's training if left out
 */
public record ImageRecipe(Crop crop, Boolean flip) {
    /** The same, and what is left out as in the training of a tokenizer. */
    public ImageRecipe orElse(DataRecipe tokenizer) {
        return new ImageRecipe(crop == null ? tokenizer.crop() : crop, flip == null ? tokenizer.flip() : flip);
    }
}
