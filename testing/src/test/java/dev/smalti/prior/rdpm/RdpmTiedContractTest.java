package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.rdpm.RdpmConfiguration.Head;

/** With a classification layer that is tied to the codebook. */
class RdpmTiedContractTest extends RdpmContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new RdpmConfiguration(
                new LlamaTransformerConfiguration(2, 32, 2), 4, null, Head.TIED, null, null, null, null);
    }
}
