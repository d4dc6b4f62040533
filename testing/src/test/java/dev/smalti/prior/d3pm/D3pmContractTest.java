package dev.smalti.prior.d3pm;

import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

class D3pmContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new D3pmConfiguration(
                new VqDiffusionTransformerConfiguration(2, 32, 2, false, 2, null, 0.1),
                null,
                null,
                10,
                null,
                null,
                null,
                null);
    }

    @Override
    protected Set<Wish> able() {
        return Set.of(Wish.EXTRAPOLATION, Wish.CORRECTOR);
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
