package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.rdpm.RdpmConfiguration.Head;
import dev.smalti.testing.PriorContract;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;

class RdpmContractTest extends PriorContract {
    private static final TokenSpace SPACE = new TokenSpace(5, 2, 3, 3);

    @Override
    protected TokenSpace space() {
        return SPACE;
    }

    @Override
    protected void prepare(Prior prior) {
        try (TokenFile tokens = NoisyTokens.of(SPACE)) {
            prior.prepare(tokens);
        }
    }

    @Override
    protected PriorConfiguration configuration() {
        return new RdpmConfiguration(
                new LlamaTransformerConfiguration(2, 32, 2), 4, null, Head.LOGITS, null, null, null, null);
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
