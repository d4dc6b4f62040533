package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;

/** SEDD with a mask recovers a known joint. */
@Tag("learning")
class KnownJointSeddAbsorbTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("sedd-absorb");
    }

    @Override
    protected double mostDistance() {
        return 0.12;
    }

    @Override
    protected List<boolean[]> drawnGivenTheRest() {
        return List.of(ACROSS);
    }
}
