package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With guesses of the map rather than logits alone. */
class RdpmGuessesContractTest extends RdpmContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new RdpmConfiguration(new LlamaTransformerConfiguration(2, 32, 2), 4, null, null, 3, null, null, null);
    }
}
