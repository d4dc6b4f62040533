package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** VQ-Diffusion recovers a known joint. */
@Tag("learning")
class KnownJointVqDiffusionTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("vqdiffusion");
    }

    @Override
    protected double mostDistance() {
        return 0.16;
    }
}
