package dev.smalti;

import dev.smalti.testing.KnownJointContract;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;

/** D3PM with uniform transitions recovers a known joint. */
@Tag("learning")
class KnownJointD3pmTest extends KnownJointContract {
    @Override
    protected Path recipe() {
        return Toy.recipe("d3pm-uniform");
    }

    @Override
    protected double mostDistance() {
        return 0.16;
    }
}
