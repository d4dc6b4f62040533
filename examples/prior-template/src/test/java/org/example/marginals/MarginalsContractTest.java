package org.example.marginals;

import dev.smalti.prior.PriorConfiguration;
import dev.smalti.testing.PriorContract;

/** All that every prior must do, from the artifact smalti-test. */
class MarginalsContractTest extends PriorContract {
    @Override
    protected PriorConfiguration configuration() {
        return new MarginalsConfiguration(null);
    }

    @Override
    protected double learningRate() {
        return 0.1;
    }

    @Override
    protected int stepsByHeart() {
        return 200;
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
