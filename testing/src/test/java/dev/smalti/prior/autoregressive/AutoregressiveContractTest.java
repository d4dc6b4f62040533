package dev.smalti.prior.autoregressive;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.testing.PriorContract;

class AutoregressiveContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new AutoregressiveConfiguration(new TransformerConfiguration(2, 32, 2, null), null, null);
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
    protected boolean takesAnyNetwork() {
        return false;
    }

    @Override
    protected boolean growsBeyondTraining() {
        return false;
    }

    @Override
    protected boolean stepsCanBeSearched() {
        return false;
    }
}
