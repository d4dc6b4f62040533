package dev.smalti.prior.rdpm;

import dev.smalti.network.LlamaTransformerConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * RDPM, Wu, Hu and Wei 2024 ({@link Rdpm}): the codes of the noisy steps of {@code kind: rdpm} among tokenizers, one step after
 * the other.
 *
 * @param network the transformer's size
 * @param dimension d, the width of the tokens' codebook; at least 1
 * @param bottleneck to how many numbers the noise and the accumulated vectors of a place, 2d together, are projected before
 *     they are widened; at least 1; 2d, which loses nothing, if left out. The paper projects them "back" to d
 * @param head how the network's last vectors become the codes' probabilities; {@code guesses} if left out, {@code logits} where
 *     {@code guesses: 0} is given
 * @param guesses M, guesses of the tokenizer's map at each place with {@code head: guesses}; at least 0, and 0 with another head;
 *     4 (0 with another head) if left out
 * @param times which steps of a grid are trained on at once; {@code one} if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record RdpmConfiguration(
        LlamaTransformerConfiguration network,
        int dimension,
        Integer bottleneck,
        Head head,
        Integer guesses,
        Times times,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** What gives the probabilities of the codes. */
    public enum Head {
        /** A classification layer, the paper's: logits W h + b. */
        LOGITS,
        /** The same layer, tied to the codebook and with noise and sum beside its input ({@link TiedCode}). Ours. */
        TIED,
        /**
         * Several guesses of the tokenizer's map, of which the codes' probabilities follow by arithmetic ({@link NearestCode}); to their
         * logarithms the logits of the classification layer are added. Ours.
         */
        GUESSES
    }

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
        if (head == null) {
            head = guesses != null && guesses == 0 ? Head.LOGITS : Head.GUESSES;
        }
        guesses = guesses == null ? Integer.valueOf(head == Head.GUESSES ? 4 : 0) : guesses;
        if (guesses < 0) {
            throw new IllegalArgumentException("guesses must be at least 0, got " + guesses);
        }
        if (head == Head.GUESSES && guesses == 0) {
            throw new IllegalArgumentException(
                    "guesses must be at least 1 with head: guesses, got 0: give head: logits or tied for none");
        }
        if (head != Head.GUESSES && guesses > 0) {
            throw new IllegalArgumentException(
                    "head must be guesses with guesses: " + guesses + ", got another: leave one of the two out");
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
