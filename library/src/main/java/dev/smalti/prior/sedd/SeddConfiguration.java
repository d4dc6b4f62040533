package dev.smalti.prior.sedd;

import dev.smalti.corruption.Noise;
import dev.smalti.network.NetworkConfiguration;
import dev.smalti.prior.LossMemory;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * SEDD, Lou et al. 2024 ({@link Sedd}): ratios of probabilities are learnt by score entropy.
 *
 * @param network the denoiser, which is told the noise σ as its time, {@code kind: dit} is the paper's
 * @param transitions what a lost token becomes; {@code absorb} if left out
 * @param noise how fast tokens are lost; {@code {shape: log_linear}} if left out
 * @param parametrisation what the network's output stands for; {@code score} if left out
 * @param scaleBySigma whether the output is divided by e^σ - 1, the size of true ratios, so that a network of zeros has the
 *     right total, for {@code absorb} only; true with {@code absorb} and false with {@code uniform} if left out
 * @param counting whether training draws the number of masked tokens of a grid, evenly, and the noise that fits it, instead
 *     of the noise and each token's fate, for {@code absorb} only; false, as the paper, if left out. The loss's mean is the
 *     same and its variance lower
 * @param sampling how grids are drawn; its own defaults if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record SeddConfiguration(
        NetworkConfiguration network,
        Transitions transitions,
        Noise noise,
        Parametrisation parametrisation,
        Boolean scaleBySigma,
        Boolean counting,
        Steps sampling,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** What a lost token becomes. */
    public enum Transitions {
        /** The mask. */
        ABSORB,
        /** Any code. */
        UNIFORM
    }

    /** What the network's output stands for. */
    public enum Parametrisation {
        /** The logarithm of the ratios. */
        SCORE,
        /**
         * Logits of the clean token as the rest of the grid tells it, from which the ratios follow. With {@code absorb}
         * s_y = p(y) / (e^σ - 1): the total of the ratios is right by construction, and the loss is the cross-entropy of
         * Sahoo et al. 2024 (MDLM), arXiv:2406.07524. With {@code uniform} they are those of p blurred by the noise, so
         * that the network need not learn the extreme ratios of little noise.
         */
        EXACT
    }

    /** The way a step back is taken. */
    public enum Predictor {
        /** The exact probabilities of a step if the ratios stayed as they are while one position changes. Theorem 4.2. */
        ANALYTIC,
        /**
         * The first order in the step's length. Where a schedule's rate is 0 at t = 1, as those of {@code log_sin} and
         * {@code cosine_squared} are, a step from there would change nothing: the steps begin one later and are shorter.
         */
        EULER
    }

    /**
     * How grids are drawn.
     *
     * @param steps usual number of steps, besides the last, which denoises; at least 1; as many as tokens if left out
     * @param predictor the way a step back is taken; {@code analytic} if left out
     * @param renormalise whether the ratios are scaled to the total that true ones have, 1 / (e^σ - 1), so that guidance
     *     doesn't change how fast tokens are revealed, for {@code absorb} only; with {@code absorb} true in steps with guidance and
     *     false in others if left out
     */
    public record Steps(Integer steps, Predictor predictor, Boolean renormalise) {
        public Steps {
            if (steps != null && steps < 1) {
                throw new IllegalArgumentException("steps must be at least 1, got " + steps);
            }
            predictor = predictor == null ? Predictor.ANALYTIC : predictor;
        }
    }

    public SeddConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        transitions = transitions == null ? Transitions.ABSORB : transitions;
        noise = noise == null ? new Noise(null, null, null, null) : noise;
        parametrisation = parametrisation == null ? Parametrisation.SCORE : parametrisation;
        boolean absorb = transitions == Transitions.ABSORB;
        scaleBySigma = scaleBySigma == null ? absorb : scaleBySigma;
        counting = counting != null && counting;
        sampling = sampling == null ? new Steps(null, null, null) : sampling;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
        if (!absorb && scaleBySigma) {
            throw new IllegalArgumentException(
                    "scale_by_sigma goes with transitions absorb only, got uniform: leave it out");
        }
        if (!absorb && counting) {
            throw new IllegalArgumentException("counting goes with transitions absorb only, got uniform: leave it out");
        }
        if (!absorb && Boolean.TRUE.equals(sampling.renormalise())) {
            throw new IllegalArgumentException(
                    "sampling.renormalise goes with transitions absorb only, got uniform: leave it out");
        }
    }

    /** Of each state a log score, its exponential and the terms of the score entropy, in float32. */
    @Override
    public LossMemory lossMemory() {
        return new LossMemory(1, 40, false);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new Sedd(this, space, conditional ? classes : 0, seed, device);
    }
}
