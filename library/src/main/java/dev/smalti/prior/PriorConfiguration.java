package dev.smalti.prior;

import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/** What a recipe says of a prior, and how one is built of it. Implementations are records. */
public interface PriorConfiguration {
    /**
     * A new, untrained prior.
     *
     * @param classes of the tokens; 0 if they have none
     */
    Prior build(TokenSpace space, int classes, Seed seed, Device device);
}
