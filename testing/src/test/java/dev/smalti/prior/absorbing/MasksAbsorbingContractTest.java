package dev.smalti.prior.absorbing;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

/** With several mask tokens. */
class MasksAbsorbingContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new AbsorbingConfiguration(
                new TransformerConfiguration(2, 32, 2, null), null, null, null, null, null, 4, null);
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
        return 300;
    }
}
