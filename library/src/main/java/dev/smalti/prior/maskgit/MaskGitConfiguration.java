package dev.smalti.prior.maskgit;

import dev.smalti.corruption.MaskTokens;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * MaskGIT, Chang et al. 2022 ({@link MaskGit}): many tokens a step, the surest or the farthest apart first.
 *
 * @param network the denoiser, which sees all tokens
 * @param schedule how the share that is masked in training is drawn; {@code cosine} if left out
 * @param exponent exponent of the schedule {@code power}, which needs one, the others have none; above 0; none if left out
 * @param masking which tokens are masked in training; {@code fixed} if left out
 * @param labelSmoothing share of the target spread evenly over all codes; [0, 1); 0.1 if left out
 * @param unmaskedWeight weight of the cross-entropy of tokens that are not masked, 0.1 in TiTok; [0, 1]; 0 if left out
 * @param sampling how grids are drawn; its own defaults if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 * @param masks m, the mask tokens, of which a masked place shows one at random, so that one pass can decide jointly; at least
 *     1; 1 if left out
 * @param maskShare share of masked places that show a mask token, the others show a random code, for students that draw in one
 *     step; (0, 1]; 1 if left out
 */
public record MaskGitConfiguration(
        NetworkConfiguration network,
        MaskSchedule schedule,
        Double exponent,
        Masking masking,
        Double labelSmoothing,
        Double unmaskedWeight,
        MaskGitSampling sampling,
        Boolean conditional,
        Double labelDropping,
        Integer masks,
        Double maskShare)
        implements PriorConfiguration {
    /** Which tokens are masked in training. */
    public enum Masking {
        /** Exactly max(1, ⌈γ(r) L⌉). */
        FIXED,
        /** Each with probability γ(r), as the code of Besnier et al. */
        INDEPENDENT
    }

    public MaskGitConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        schedule = schedule == null ? MaskSchedule.COSINE : schedule;
        exponent = schedule.exponent(exponent);
        masking = masking == null ? Masking.FIXED : masking;
        labelSmoothing = labelSmoothing == null ? 0.1 : labelSmoothing;
        if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
            throw new IllegalArgumentException("label_smoothing must be in [0, 1), got " + labelSmoothing);
        }
        unmaskedWeight = unmaskedWeight == null ? 0.0 : unmaskedWeight;
        if (!(unmaskedWeight >= 0 && unmaskedWeight <= 1)) {
            throw new IllegalArgumentException("unmasked_weight must be in [0, 1], got " + unmaskedWeight);
        }
        sampling = sampling == null ? MaskGitSampling.USUAL : sampling;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
        masks = masks == null ? 1 : masks;
        maskShare = maskShare == null ? 1 : maskShare;
        MaskTokens.check(masks, maskShare);
    }

    /** With one mask token. */
    public MaskGitConfiguration(
            NetworkConfiguration network,
            MaskSchedule schedule,
            Double exponent,
            Masking masking,
            Double labelSmoothing,
            Double unmaskedWeight,
            MaskGitSampling sampling,
            Boolean conditional,
            Double labelDropping) {
        this(
                network,
                schedule,
                exponent,
                masking,
                labelSmoothing,
                unmaskedWeight,
                sampling,
                conditional,
                labelDropping,
                null,
                null);
    }

    /** Everything but the network as the paper. */
    public static MaskGitConfiguration of(NetworkConfiguration network) {
        return new MaskGitConfiguration(network, null, null, null, null, null, null, null, null);
    }

    /** The same drawn from in another way. */
    public MaskGitConfiguration sampling(MaskGitSampling sampling) {
        return new MaskGitConfiguration(
                network,
                schedule,
                exponent,
                masking,
                labelSmoothing,
                unmaskedWeight,
                sampling,
                conditional,
                labelDropping,
                masks,
                maskShare);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new MaskGit(this, space, conditional ? classes : 0, seed, device);
    }
}
