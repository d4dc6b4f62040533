package dev.smalti.prior.vqdiffusion;

import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

class VqDiffusionContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new VqDiffusionConfiguration(
                new VqDiffusionTransformerConfiguration(2, 32, 2, null, 2, null, 0.1),
                10,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null);
    }

    @Override
    protected Set<Wish> able() {
        return Set.of(Wish.UNMASKING, Wish.EXTRAPOLATION, Wish.CORRECTOR);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 400;
    }
}
