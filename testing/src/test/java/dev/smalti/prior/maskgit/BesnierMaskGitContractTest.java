package dev.smalti.prior.maskgit;

import dev.smalti.network.BesnierTransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With the network of Besnier and Chen. */
class BesnierMaskGitContractTest extends MaskGitContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new MaskGitConfiguration(
                new BesnierTransformerConfiguration(2, 32, 4), null, null, null, 0.0, null, null, null, null);
    }
}
