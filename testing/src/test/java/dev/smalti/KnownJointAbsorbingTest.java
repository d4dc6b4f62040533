package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import java.util.List;

/** Absorbing diffusion recovers a known joint. Of its kind this one is run with every build. */
class KnownJointAbsorbingTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("absorbing");
    }

    @Override
    protected double mostDistance() {
        return 0.12;
    }

    @Override
    protected List<boolean[]> drawnGivenTheRest() {
        return List.of(BELOW, ACROSS);
    }
}
