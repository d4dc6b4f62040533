package dev.smalti;

import dev.smalti.testing.KnownImagesContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/**
 * RDPM's tokenizer, and its prior with the paper's head, which needs more training than these minutes to tell all that places have
 * to do with one another: 0.52, where independent places are at 0.68 and {@link KnownImagesRdpmTest} reaches 0.18.
 */
@Tag("learning")
class KnownImagesRdpmPaperTest extends KnownImagesContract {
    @Override
    protected Path tokenizerRecipe() {
        return Toy.recipe("rdpm-tokenizer");
    }

    @Override
    protected Path priorRecipe() {
        return Toy.recipe("rdpm-paper");
    }

    @Override
    protected int noises() {
        return 4;
    }

    @Override
    protected double mostDistance() {
        return 0.6;
    }
}
