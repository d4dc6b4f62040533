package dev.smalti.prior.maskgit;

import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.process.GridDraw.Wish;
import dev.smalti.testing.PriorContract;
import java.util.Set;

/** As the released code of Besnier et al. */
class HaltonMaskGitContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new MaskGitConfiguration(
                new HaltonTransformerConfiguration(1, 32, 4, 64, null, null, null),
                MaskSchedule.ARCCOS,
                null,
                Masking.INDEPENDENT,
                0.0,
                1.0,
                new MaskGitSampling(null, null, null, Order.HALTON, null, null),
                null,
                null);
    }

    @Override
    protected Set<Wish> able() {
        return Set.of(Wish.UNMASKING, Wish.EXTRAPOLATION, Wish.CORRECTOR);
    }

    @Override
    protected double learningRate() {
        return 5e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 150;
    }
}
