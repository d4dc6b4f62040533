package dev.smalti.tokenizer.vqgan;

import dev.smalti.testing.TokenizerContract;
import dev.smalti.tokenizer.TokenizerConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import java.util.List;

class VqganContractTest extends TokenizerContract {
    @Override
    protected TokenizerConfiguration configuration() {
        return new VqganConfiguration(
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
                new CodebookConfiguration(32, 8, null, CodebookConfiguration.MovingAverage.USUAL),
                new AdversarialConfiguration(2, 0.1, null, 8, 1, null, null),
                true,
                null,
                null);
    }

    @Override
    protected double learningRate() {
        return 3e-3;
    }

    @Override
    protected int stepsByHeart() {
        return 150;
    }
}
