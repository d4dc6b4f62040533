package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * An {@link Rdpm}.
 *
 * @param network its size
 * @param dimension d, the width of the tokens' codebook; at least 1
 * @param bottleneck to how many numbers the noise and the accumulated vectors of a place, 2d together, are projected before
 *     they are widened; 2d if left out, which loses nothing. The paper projects them "back" to d
 * @param guesses M, guesses of the tokenizer's map at each place, from which the codes' probabilities follow by arithmetic and
 *     to whose logarithms the network's own logits are added; 4 if left out, and 0 for the paper's head of logits alone
 * @param times which steps of a grid are trained on at once; {@code one} if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden, [0, 1]; 0.1 if left out
 */
public record RdpmConfiguration(
        LlamaTransformerConfiguration network,
        int dimension,
        Integer bottleneck,
        Integer guesses,
        Times times,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** The steps t of a grid in a batch; the paper does not say. */
    public enum Times {
        /** One, drawn evenly over the batch. */
        ONE,
        /** All T, as so many rows: T times the work and a loss of lower variance. */
        ALL
    }

    public RdpmConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        if (dimension < 1) {
            throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
        }
        if (network.bottleneck() != null) {
            throw new IllegalArgumentException(
                    "bottleneck must stand beside network, not in it, got network.bottleneck " + network.bottleneck());
        }
        bottleneck = bottleneck == null ? Integer.valueOf(2 * dimension) : bottleneck;
        if (bottleneck < 1) {
            throw new IllegalArgumentException("bottleneck must be at least 1, got " + bottleneck);
        }
        guesses = guesses == null ? 4 : guesses;
        if (guesses < 0) {
            throw new IllegalArgumentException("guesses must be at least 0, got " + guesses);
        }
        times = times == null ? Times.ONE : times;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
    }

    /** Refuses tokens with one code at each place. */
    @Override
    public void check(TokenSpace space) {
        if (space.depth() < 2) {
            throw new IllegalArgumentException(
                    "there is one code a position, and kind rdpm takes those of several steps:"
                            + " encode with a tokenizer of kind rdpm");
        }
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        check(space);
        return new Rdpm(this, space, conditional ? classes : 0, seed, device);
    }
}
