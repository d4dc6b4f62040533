package dev.smalti;

import dev.smalti.testing.KnownImagesContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** VQGAN and absorbing diffusion. */
@Tag("learning")
class KnownImagesVqganTest extends KnownImagesContract {
    @Override
    protected Path tokenizerRecipe() {
        return Toy.recipe("vqgan");
    }

    @Override
    protected Path priorRecipe() {
        return Toy.recipe("absorbing");
    }

    @Override
    protected double mostDistance() {
        return 0.2;
    }
}
