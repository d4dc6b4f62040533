package dev.smalti.prior.lcmd;

import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.prior.lcmd.LcmdConfiguration.Steps;
import dev.smalti.prior.lcmd.LcmdConfiguration.Weights;
import dev.smalti.testing.PriorContract;

class LcmdContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new LcmdConfiguration(
                new DiffusionTransformerConfiguration(2, 32, 2, 32, null, null, null),
                new Embedding(8, Origin.NORMALISED, null),
                null,
                new Weights(null, 0.1, null, null, 1.0),
                new Dropping(null, 0.1),
                true,
                null,
                null,
                new Steps(10, null),
                null,
                null);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 400;
    }

    @Override
    protected boolean stepsCanBeSearched() {
        return false;
    }
}
