package dev.smalti.prior.maskgit;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

class MaskGitContractTest extends PriorContract {
    /** Without smoothing: what is learnt with it is no grid by heart. */
    @Override
    protected PriorConfiguration configuration() {
        return new MaskGitConfiguration(
                new TransformerConfiguration(2, 32, 4, null), null, null, null, 0.0, null, null, null, null);
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

    @Override
    protected boolean stepsCanBeSearched() {
        return false;
    }
}
