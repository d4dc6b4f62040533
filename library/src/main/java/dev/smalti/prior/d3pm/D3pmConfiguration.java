package dev.smalti.prior.d3pm;

import dev.smalti.corruption.Posterior;
import dev.smalti.corruption.Schedule;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.LossMemory;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * D3PM, Austin et al. 2021 ({@link D3pm}): tokens are replaced by others, or masked, step by step.
 *
 * @param network the denoiser, which is told the time
 * @param transitions what becomes of a token that is lost; {@code uniform} if left out
 * @param noise how many tokens are replaced at each step, with {@code uniform} transitions alone; {@code cosine} if left out
 * @param steps T, the number of steps of the diffusion; at least 1; 1000, as the paper, if left out
 * @param posterior what the guess of the clean tokens means, {@code joint} in the paper; {@code normalised} if left out. See
 *     the package for {@code context}
 * @param crossEntropy λ, the weight of the cross-entropy beside the bound; at least 0; 0.001 if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record D3pmConfiguration(
        NetworkConfiguration network,
        Transitions transitions,
        Noise noise,
        Integer steps,
        Posterior posterior,
        Double crossEntropy,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** What becomes of a token that is lost. */
    public enum Transitions {
        /** Any of the K codes, itself too. */
        UNIFORM,
        /** The mask; a token is lost with probability 1/(T - t + 1) at step t. */
        ABSORBING
    }

    /** How many tokens are replaced at each step. */
    public enum Noise {
        /** By a cosine, as the paper's code: {@link Schedule#cosine}. */
        COSINE,
        /** A share at each step that grows linearly from 0.02 to 1: {@link Schedule#linear}. */
        LINEAR
    }

    public D3pmConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        transitions = transitions == null ? Transitions.UNIFORM : transitions;
        if (noise != null && transitions == Transitions.ABSORBING) {
            throw new IllegalArgumentException(
                    "noise must be left out: absorbing transitions lose a token with probability 1/(T - t + 1)");
        }
        noise = noise == null && transitions == Transitions.UNIFORM ? Noise.COSINE : noise;
        steps = steps == null ? 1000 : steps;
        if (steps < 1) {
            throw new IllegalArgumentException("steps must be at least 1, got " + steps);
        }
        posterior = posterior == null ? Posterior.NORMALISED : posterior;
        crossEntropy = crossEntropy == null ? 0.001 : crossEntropy;
        if (!(crossEntropy >= 0) || Double.isInfinite(crossEntropy)) {
            throw new IllegalArgumentException("cross_entropy must be at least 0, got " + crossEntropy);
        }
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
        return new D3pm(this, space, conditional ? classes : 0, seed, device);
    }

    Schedule schedule() {
        if (transitions == Transitions.ABSORBING) {
            return Schedule.absorbing(steps);
        }
        return noise == Noise.LINEAR ? Schedule.linear(steps) : Schedule.cosine(steps);
    }
}
