package dev.smalti.prior.maskgit;

import dev.smalti.network.BesnierTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With the network of Besnier and Chen. */
class BesnierMaskGitContractTest extends MaskGitContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return MaskGitConfiguration.of(new BesnierTransformerConfiguration(1, 32, 4, null, 0.1));
    }
}
