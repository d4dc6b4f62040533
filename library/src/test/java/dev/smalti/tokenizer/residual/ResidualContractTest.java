package dev.smalti.tokenizer.residual;

import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.TokenizerContract;

class ResidualContractTest extends TokenizerContract {
    @Override
    protected TokenizerConfiguration configuration() {
        return ResidualQuantizerTest.asInThePaper(ResidualQuantizerTest.autoencoder(true), 4);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 200;
    }
}
