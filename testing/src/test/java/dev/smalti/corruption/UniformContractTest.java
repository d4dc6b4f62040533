package dev.smalti.corruption;

import dev.smalti.testing.CorruptionContract;
import java.util.List;

class UniformContractTest extends CorruptionContract {
    @Override
    protected Corruption corruption() {
        return new Uniform(SPACE);
    }

    @Override
    protected List<Loss> losses() {
        return List.of(new Loss(1, 0), new Loss(0.9, 0), new Loss(0.3, 0), new Loss(1e-6, 0), new Loss(0, 0));
    }
}
