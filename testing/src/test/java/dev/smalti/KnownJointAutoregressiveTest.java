package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;

/** The autoregressive prior recovers a known joint, and knows its likelihood exactly. */
@Tag("learning")
class KnownJointAutoregressiveTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("autoregressive");
    }

    @Override
    protected double mostDistance() {
        return 0.12;
    }

    @Override
    protected List<boolean[]> drawnGivenTheRest() {
        return List.of(BELOW);
    }
}
