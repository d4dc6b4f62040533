package dev.smalti.job;

import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages.Size;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Observer;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;

/**
 * What programs ask of an image model that takes prompts: images of the class that the prompt names, from nothing or in a part of an
 * image, in memory.
 *
 * @param prompt name of a class; blank for all classes evenly, and for none in particular where an image is edited
 * @param count at least 1
 * @param size of images from nothing; null for that of training
 * @param seed the same again for the same images
 */
public record PromptedImages(String prompt, int count, Size size, long seed, Sampling sampling) {
    private static final int BATCH = 16;
    private static final SecureRandom CHANCE = new SecureRandom();
    private static final long MOST_SEED = 1L << 53; // which a double of JSON holds too

    public PromptedImages {
        prompt = prompt == null ? "" : prompt.strip();
        if (count < 1) {
            throw new JobException("count must be at least 1, got " + count);
        }
    }

    /** A seed for whoever has none, [0, 2^53). */
    public static long seedOfChance() {
        return CHANCE.nextLong(MOST_SEED);
    }

    /**
     * Draws them.
     *
     * @throws JobException naming the nearest class if there is none of the prompt's name, or the nearest sizes
     */
    public List<Pixels> draw(Model model) {
        Sampling sized = size == null ? sampling : model.sized(sampling, size.height(), size.width(), 0);
        return model.images(prompt.isEmpty() ? List.of() : List.of(prompt), count, seed, sized);
    }

    /**
     * Draws a part of an image anew, {@code count} times; the rest stays as it is.
     *
     * @param mask of the image's size
     * @throws JobException saying what doesn't go together
     */
    public List<Pixels> edit(Model model, Pixels image, Mask mask) {
        String label = prompt.isEmpty() ? null : prompt;
        Edit.Content content =
                new Edit.Content("the image", image, "the mask", mask, Extension.NONE, EditImage.Source.FEATHER, false);
        Edit edit = Edit.of(model, content, new Edit.Variations(count, label, seed, sampling, 0));
        List<Pixels> results = new ArrayList<>();
        edit.draw(BATCH, Observer.NONE, (number, result) -> results.add(result));
        return results;
    }
}
