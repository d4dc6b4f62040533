package dev.smalti.recipe;

import dev.smalti.data.Crop;

/**
 * How training images are prepared.
 *
 * @param crop how a picture becomes a square; {@code center} if left out
 * @param flip whether half of the images are mirrored; false if left out
 * @param heldOut share of the images that is not trained on but measured, never more than 1,000 images; [0, 0.5]; 0.02 if
 *     left out
 */
public record DataRecipe(Crop crop, Boolean flip, Double heldOut) {
    public DataRecipe {
        crop = crop == null ? Crop.CENTER : crop;
        flip = flip != null && flip;
        heldOut = heldOut == null ? 0.02 : heldOut;
        if (!(heldOut >= 0 && heldOut <= 0.5)) {
            throw new IllegalArgumentException("held_out must be in [0, 0.5], got " + heldOut);
        }
    }
}
