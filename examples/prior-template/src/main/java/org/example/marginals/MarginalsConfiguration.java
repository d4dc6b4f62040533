package org.example.marginals;

import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * What a recipe may say under {@code prior: {kind: marginals}}.
 *
 * @param labelDropping share of training grids whose class is hidden, [0, 1]; 0.1 if left out
 */
public record MarginalsConfiguration(Double labelDropping) implements PriorConfiguration {
    public MarginalsConfiguration {
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new Marginals(this, space, classes, seed, device);
    }
}
