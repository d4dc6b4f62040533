package dev.smalti.corruption;

import dev.smalti.testing.CorruptionContract;
import java.util.List;

class AbsorbingContractTest extends CorruptionContract {
    @Override
    protected Corruption corruption() {
        return new Absorbing(SPACE);
    }

    @Override
    protected List<Loss> losses() {
        return List.of(new Loss(1, 0), new Loss(0.7, 0.3), new Loss(0.2, 0.8), new Loss(0.001, 0.999), new Loss(0, 1));
    }
}
