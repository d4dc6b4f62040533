package dev.smalti.tokenizer.residual;

import dev.smalti.testing.TokenizerContract;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.List;

class ResidualContractTest extends TokenizerContract {
    @Override
    protected TokenizerConfiguration configuration() {
        VqganConfiguration autoencoder = new VqganConfiguration(
                SIZE,
                16,
                List.of(1, 1),
                1,
                1,
                null,
                2,
                null,
                null,
                true,
                new CodebookConfiguration(32, 4, null, CodebookConfiguration.MovingAverage.USUAL),
                new AdversarialConfiguration(2, 0.1, null, 8, 1, null, null),
                false,
                null,
                null);
        return new ResidualConfiguration(autoencoder, 4, null, null, null, null, null, null, null, null, null);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 400;
    }
}
