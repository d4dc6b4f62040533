package dev.smalti.prior.lcmd;

import dev.smalti.network.VqDiffusionTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.lcmd.LcmdConfiguration.Dropping;
import dev.smalti.prior.lcmd.LcmdConfiguration.Embedding;
import dev.smalti.prior.lcmd.LcmdConfiguration.Origin;
import dev.smalti.prior.lcmd.LcmdConfiguration.Sampler;
import dev.smalti.prior.lcmd.LcmdConfiguration.Steps;
import dev.smalti.prior.lcmd.LcmdConfiguration.Weights;
import dev.smalti.testing.PriorContract;

/** The paper's baseline with normalised embeddings, in its network, and drawn along the probability flow to second order. */
class CsdmContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new LcmdConfiguration(
                new VqDiffusionTransformerConfiguration(2, 32, 2, false, 2, null, 0.18),
                new Embedding(8, Origin.NORMALISED, null),
                new ShiftedCosine(null, 5.0),
                new Weights(1.0, 0.0, 0.0, 1.0, 0.0),
                new Dropping(null, 0.0),
                null,
                null,
                null,
                new Steps(10, Sampler.MULTISTEP),
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
