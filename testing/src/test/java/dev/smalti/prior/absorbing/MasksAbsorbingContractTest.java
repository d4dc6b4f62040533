package dev.smalti.prior.absorbing;

import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;

/** With several mask tokens. */
class MasksAbsorbingContractTest extends AbsorbingContractTest {
    @Override
    protected PriorConfiguration configuration() {
        return new AbsorbingConfiguration(
                new TransformerConfiguration(2, 32, 2, null), null, null, null, null, null, 4, null, null);
    }
}
