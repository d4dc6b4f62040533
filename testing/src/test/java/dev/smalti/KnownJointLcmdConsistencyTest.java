package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** VQ-LCMD, with consistency by pairs from the data, comes near to a known joint. */
@Tag("learning")
class KnownJointLcmdConsistencyTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("lcmd-consistency");
    }

    @Override
    protected double mostDistance() {
        return 0.25;
    }

    @Override
    protected double mostAboveTheEntropy() {
        return 0.2;
    }
}
