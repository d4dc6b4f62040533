package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** SEDD with uniform transitions recovers a known joint. */
@Tag("learning")
class KnownJointSeddUniformTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("sedd-uniform");
    }

    @Override
    protected double mostDistance() {
        return 0.16;
    }
}
