package dev.smalti;

import dev.smalti.testing.KnownImagesContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** RDPM's tokenizer, and its prior with guesses of the map. */
@Tag("learning")
class KnownImagesRdpmTest extends KnownImagesContract {
    @Override
    protected Path tokenizerRecipe() {
        return Toy.recipe("rdpm-tokenizer");
    }

    @Override
    protected Path priorRecipe() {
        return Toy.recipe("rdpm");
    }

    @Override
    protected int noises() {
        return 4;
    }

    @Override
    protected double mostDistance() {
        return 0.25;
    }
}
