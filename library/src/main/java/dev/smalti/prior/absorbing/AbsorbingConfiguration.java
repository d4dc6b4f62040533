package dev.smalti.prior.absorbing;

import dev.smalti.corruption.MaskTokens;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * Absorbing diffusion, Bond-Taylor et al. 2022 ({@link AbsorbingDiffusion}): tokens are masked, and revealed in random order.
 *
 * @param network the denoiser, which sees all tokens
 * @param steps T, the number of steps of the diffusion; at least 1; the number of tokens of a grid, as the paper, if left
 *     out
 * @param loss how the cross-entropy of the masked tokens is weighted; {@code reweighted_elbo} if left out
 * @param masking which tokens are masked at time t; {@code independent} if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 * @param masks m, the mask tokens, of which a masked place shows one at random, so that one pass can decide jointly; at least
 *     1; 1 if left out
 * @param maskShare share of masked places that show a mask token, the others show a random code, for students that draw in one
 *     step; (0, 1]; 1 if left out
 * @param sampling how grids are drawn; its own defaults if left out
 */
public record AbsorbingConfiguration(
        NetworkConfiguration network,
        Integer steps,
        Loss loss,
        Masking masking,
        Boolean conditional,
        Double labelDropping,
        Integer masks,
        Double maskShare,
        Drawn sampling)
        implements PriorConfiguration {
    /** How the cross-entropy S_t of the masked tokens of a grid is weighted at time t. */
    public enum Loss {
        /** S_t / t: the bound itself. */
        ELBO,
        /** S_t (T - t + 1) / T: the paper's re-weighting. */
        REWEIGHTED_ELBO,
        /** S_t (1 - t / T): the re-weighting of the released code, 0 at t = T. */
        REWEIGHTED_ELBO_AS_RELEASED,
        /** S_t over the number of masked tokens. */
        MASKED_TOKEN
    }

    /** Which tokens are masked at time t. */
    public enum Masking {
        /** Each with probability t / T. */
        INDEPENDENT,
        /** Exactly max(1, round(t L / T)). */
        FIXED
    }

    /**
     * How grids are drawn.
     *
     * @param steps usual number of steps, no more than the diffusion has; at least 1; as many as the diffusion has if left out
     */
    public record Drawn(Integer steps) {
        public Drawn {
            if (steps != null && steps < 1) {
                throw new IllegalArgumentException("steps must be at least 1, got " + steps);
            }
        }
    }

    public AbsorbingConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        if (steps != null && steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        loss = loss == null ? Loss.REWEIGHTED_ELBO : loss;
        masking = masking == null ? Masking.INDEPENDENT : masking;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
        masks = masks == null ? 1 : masks;
        maskShare = maskShare == null ? 1 : maskShare;
        MaskTokens.check(masks, maskShare);
        sampling = sampling == null ? new Drawn(null) : sampling;
    }

    /** With one mask token, drawn in T steps. */
    public AbsorbingConfiguration(
            NetworkConfiguration network,
            Integer steps,
            Loss loss,
            Masking masking,
            Boolean conditional,
            Double labelDropping) {
        this(network, steps, loss, masking, conditional, labelDropping, null, null, null);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new AbsorbingDiffusion(this, space, conditional ? classes : 0, seed, device);
    }
}
