package dev.smalti.prior.autoregressive;

import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With LlamaGen's network. */
class LlamaAutoregressiveContractTest extends AutoregressiveContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new AutoregressiveConfiguration(new CausalLlamaConfiguration(2, 32, 2, null, 64, null, 0.1), null, null);
    }
}
