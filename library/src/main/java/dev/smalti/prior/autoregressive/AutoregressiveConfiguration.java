package dev.smalti.prior.autoregressive;

import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * An autoregressive transformer ({@link AutoregressiveTransformer}): one token after the other, row by row.
 *
 * @param network a causal one, which sees only the tokens before the one that it guesses
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record AutoregressiveConfiguration(CausalNetworkConfiguration network, Boolean conditional, Double labelDropping)
        implements PriorConfiguration {
    public AutoregressiveConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new AutoregressiveTransformer(this, space, conditional ? classes : 0, seed, device);
    }
}
