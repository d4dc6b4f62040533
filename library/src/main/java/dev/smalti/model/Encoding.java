package dev.smalti.model;

import dev.smalti.data.Crop;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Preparation;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import java.util.Arrays;
import java.util.List;

/**
 * How images are brought before a tokenizer: cut as in its training, but by no chance, and with noise that follows from the
 * set.
 */
public final class Encoding {
    private Encoding() {}

    /**
     * The folder itself, or that of the tokenizer that a prior's folder carries.
     *
     * @throws JobException if it is and has none
     */
    public static RunFolder tokenizerOf(RunFolder folder) {
        if (folder.isTokenizer()) {
            return folder;
        }
        RunFolder inside = folder.tokenizerFolder();
        if (inside == null) {
            throw new JobException(Phrase.of("%s holds %s: give the --out of train-tokenizer")
                    .with(folder.path(), folder.isPrior() ? "a prior without its tokenizer" : "no tokenizer"));
        }
        return inside;
    }

    /**
     * How images become squares of {@code size} pixels as in the training of a tokenizer, from the centre where that was
     * random.
     */
    public static Preparation preparation(RunFolder tokenizer, int size) {
        return new Preparation(size, crop(tokenizer), false);
    }

    /** What of an image is cut out. */
    public static Crop crop(RunFolder tokenizer) {
        TokenizerRecipe recipe =
                RecipeFile.read(tokenizer.path().resolve("recipe.yaml"), TokenizerRecipe.class, List.of());
        Crop crop = recipe.data().crop();
        return crop == Crop.RANDOM ? Crop.CENTER : crop;
    }

    /** From which the noise of a set's images grows. */
    public static Seed noise(ImageSet images) {
        return new Seed(0).child("noise").child(images.fingerprint());
    }

    /** The noise seeds of some images. @param round 0 for the first grid of each image */
    public static long[] noise(Seed set, int round, int... indices) {
        return Arrays.stream(indices)
                .mapToLong(index -> set.child(index).child(round).value())
                .toArray();
    }
}
