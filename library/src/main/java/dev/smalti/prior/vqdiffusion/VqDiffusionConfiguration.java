package dev.smalti.prior.vqdiffusion;

import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.LossMemory;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import java.util.List;
import org.bytedeco.pytorch.Device;

/**
 * VQ-Diffusion, Gu et al. 2022 ({@link VqDiffusion}): most tokens are masked, some replaced.
 *
 * @param network the denoiser, which is told the time
 * @param steps T, the number of steps of the diffusion; at least 2; 100 if left out
 * @param transitions how many tokens are replaced; {@code paper} if left out
 * @param posterior what the guess of the clean tokens means; {@code normalised}, as the papers, if left out
 * @param auxiliary weight of the cross-entropy beside the bound; at least 0; 0.001 if left out
 * @param adaptive whether that weight is doubled at the clean end, falling to the weight itself at the noisy one; true if
 *     left out
 * @param maskWeight the weights of masked and of other positions in the loss; two of at least 0; [1, 1] if left out. With
 *     others the loss is no bound
 * @param importance whether times are drawn in proportion to what they were found to add to the loss; true if left out
 * @param sampling how grids are drawn; its own defaults if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record VqDiffusionConfiguration(
        NetworkConfiguration network,
        Integer steps,
        Transitions transitions,
        Posterior posterior,
        Double auxiliary,
        Boolean adaptive,
        List<Double> maskWeight,
        Boolean importance,
        Drawing sampling,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** What becomes of the tokens in T steps. */
    public enum Transitions {
        /** Nine of ten are masked, one is replaced: {@link Schedule#maskAndReplace}. */
        PAPER,
        /** All but one in a million are masked: {@link Schedule#maskAndReplaceAsReleased}. */
        AS_RELEASED
    }

    /**
     * How grids are drawn.
     *
     * @param truncation r, the probability of the most likely codes that a guess is cut down to; (0, 1]; 1, which keeps all,
     *     if left out. It is top-p on the guess, so a caller's top-p takes its place
     * @param purity r of Tang et al. 2022, arXiv:2205.16007, eq. 11, by which masked tokens are drawn where the guess is
     *     surest first, and the sharper the surer; at least 0; none if left out
     * @param tokens how many tokens of a grid the purity rule draws at each step but the last; at least 1; L/T' if left out
     */
    public record Drawing(Double truncation, Double purity, Integer tokens) {
        /** Draws from the model as it is. */
        static final Drawing PLAIN = new Drawing(null, null, null);

        public Drawing {
            truncation = truncation == null ? 1.0 : truncation;
            if (!(truncation > 0 && truncation <= 1)) {
                throw new IllegalArgumentException("truncation must be in (0, 1], got " + truncation);
            }
            if (purity != null && (!(purity >= 0) || Double.isInfinite(purity))) {
                throw new IllegalArgumentException("purity must be at least 0, got " + purity);
            }
            if (tokens != null && tokens < 1) {
                throw new IllegalArgumentException("tokens must be at least 1, got " + tokens);
            }
            if (tokens != null && purity == null) {
                throw new IllegalArgumentException("tokens must be left out without purity, got " + tokens);
            }
        }
    }

    public VqDiffusionConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        steps = steps == null ? 100 : steps;
        if (steps < 2) {
            throw new IllegalArgumentException("steps must be at least 2, got " + steps);
        }
        transitions = transitions == null ? Transitions.PAPER : transitions;
        posterior = posterior == null ? Posterior.NORMALISED : posterior;
        auxiliary = auxiliary == null ? 0.001 : auxiliary;
        if (!(auxiliary >= 0) || Double.isInfinite(auxiliary)) {
            throw new IllegalArgumentException("auxiliary must be at least 0, got " + auxiliary);
        }
        adaptive = adaptive == null || adaptive;
        maskWeight = maskWeight == null ? List.of(1.0, 1.0) : List.copyOf(maskWeight);
        if (maskWeight.size() != 2 || !maskWeight.stream().allMatch(each -> each >= 0 && !Double.isInfinite(each))) {
            throw new IllegalArgumentException("mask_weight must be two numbers of at least 0, got " + maskWeight);
        }
        importance = importance == null || importance;
        sampling = sampling == null ? Drawing.PLAIN : sampling;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
    }

    /** Of each code the logit, and in float64 the guess, its logarithm, what follows from it and the logarithm of that. */
    @Override
    public LossMemory lossMemory() {
        return new LossMemory(1, 48, false);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new VqDiffusion(this, space, conditional ? classes : 0, seed, device);
    }

    Schedule schedule() {
        return transitions == Transitions.PAPER
                ? Schedule.maskAndReplace(steps)
                : Schedule.maskAndReplaceAsReleased(steps);
    }
}
