package dev.smalti.prior.sedd;

import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.network.DiffusionTransformerConfiguration.Positions;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

class UniformContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new SeddConfiguration(
                new DiffusionTransformerConfiguration(2, 32, 2, 32, Positions.ROTARY_1D, null, null),
                SeddConfiguration.Transitions.UNIFORM,
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
        return Set.of(Wish.EXTRAPOLATION, Wish.CORRECTOR);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 800;
    }
}
