package dev.smalti.prior.maskgit;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With several mask tokens. */
class MasksMaskGitContractTest extends MaskGitContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new MaskGitConfiguration(
                new TransformerConfiguration(2, 32, 4, null), null, null, null, 0.0, null, null, null, null, 4, null);
    }
}
