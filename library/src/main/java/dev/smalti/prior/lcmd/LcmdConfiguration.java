package dev.smalti.prior.lcmd;

import dev.smalti.network.NetworkConfiguration;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.LossMemory;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import org.bytedeco.pytorch.Device;

/**
 * VQ-LCMD, Nguyen et al. 2024 ({@link Lcmd}): Gaussian diffusion of learnt embeddings of the codes.
 *
 * @param network the denoiser, which reads noisy embeddings and is told ln(σ/α) as its time, {@code kind: vq-diffusion} with
 *     {@code convolution: false} is the paper's; {@code kind: transformer} only with {@code evidence}
 * @param embedding the vectors of codes; its own defaults if left out
 * @param noise how noise grows with time; its own defaults if left out
 * @param weights what the terms of the loss weigh; its own defaults if left out, which are the paper's
 * @param dropping which tokens training hides; its own defaults if left out
 * @param evidence whether what the vector at a position says of the token there by itself, ln N(z_i; α e_k, σ² I), is taken
 *     from the formula; false, as the paper, if left out. It is added to the network's logits, which then need only tell
 *     what the other positions say; and the network reads the mean embedding under it, E[e(x_i) | z_i], instead of z_i and
 *     the noise, and a dropped token says nothing rather than being a mask
 * @param consistency with what the guess at z_t is compared; its own defaults if left out, which are the paper's
 * @param teacher decay of the moving average of network and embeddings that gives the targets of consistency; [0, 1); 0.99
 *     if left out. The paper's value is not in its text
 * @param sampling how grids are drawn; its own defaults if left out
 * @param conditional whether classes are used where the tokens have them; true if left out
 * @param labelDropping share of training grids whose class is hidden; [0, 1]; 0.1 if left out
 */
public record LcmdConfiguration(
        NetworkConfiguration network,
        Embedding embedding,
        ShiftedCosine noise,
        Weights weights,
        Dropping dropping,
        Boolean evidence,
        Consistency consistency,
        Double teacher,
        Steps sampling,
        Boolean conditional,
        Double labelDropping)
        implements PriorConfiguration {
    /** Where embeddings come from. */
    public enum Origin {
        /** Learnt with the network, of any length. */
        LEARNT,
        /** Learnt, and scaled to the norm √D, as Dieleman et al. 2022, arXiv:2211.15089, section 3.4. */
        NORMALISED,
        /** The tokenizer's code vectors, scaled by one number to a root mean square norm of √D, and not trained. */
        CODEBOOK
    }

    /**
     * The vectors of codes.
     *
     * @param dimension D, with {@code codebook} the width of the tokenizer's code vectors; at least 1; 256 if left out
     * @param origin where embeddings come from; {@code learnt} if left out
     * @param deviation standard deviation of the normal distribution from which learnt ones start; above 0; 1/√D, so that
     *     their norm is about 1, if left out. The paper's value is not in its text
     */
    public record Embedding(Integer dimension, Origin origin, Double deviation) {
        public Embedding {
            dimension = dimension == null ? 256 : dimension;
            origin = origin == null ? Origin.LEARNT : origin;
            if (dimension < 1) {
                throw new IllegalArgumentException("dimension must be at least 1, got " + dimension);
            }
            deviation = deviation == null ? 1 / Math.sqrt(dimension) : deviation;
            if (!(deviation > 0) || Double.isInfinite(deviation)) {
                throw new IllegalArgumentException("deviation must be above 0, got " + deviation);
            }
        }
    }

    /**
     * What the terms of the loss weigh, each a mean over tokens in nats (a squared distance summed over dimensions for
     * {@code diffusion}); at least 0, and not all of them 0.
     *
     * @param reconstruction -ln p(x | z_0); at least 0; 1 if left out
     * @param consistency KL between the guesses of the teacher at z_s and of the network at z_t, eq. 3; at least 0; 1 if
     *     left out
     * @param diffusion |e(x) - x̂(z_t)|², the simplified diffusion loss; at least 0; 0.005 if left out
     * @param variational the same as the bound weighs it, and the distance of z_1 from noise, with reconstruction 1 the
     *     bound, eq. 2; at least 0; 0 if left out. Above 0, times are drawn as densely as the bound's are, and the other
     *     terms weighed so that they are means over even times all the same
     * @param crossEntropy -ln p(x | z_t), the loss of Dieleman et al. 2022, arXiv:2211.15089 (CDCD); at least 0; 0 if left
     *     out
     */
    public record Weights(
            Double reconstruction, Double consistency, Double diffusion, Double variational, Double crossEntropy) {
        public Weights {
            reconstruction = weight("reconstruction", reconstruction, 1);
            consistency = weight("consistency", consistency, 1);
            diffusion = weight("diffusion", diffusion, 0.005);
            variational = weight("variational", variational, 0);
            crossEntropy = weight("cross_entropy", crossEntropy, 0);
            if (reconstruction + consistency + diffusion + variational + crossEntropy == 0) {
                throw new IllegalArgumentException("weights must not all be 0");
            }
        }

        private static double weight(String name, Double given, double usual) {
            double weight = given == null ? usual : given;
            if (!(weight >= 0) || Double.isInfinite(weight)) {
                throw new IllegalArgumentException("weights." + name + " must be at least 0, got " + weight);
            }
            return weight;
        }

        /** Whether anything is asked of the network at times between the ends. */
        boolean between() {
            return consistency > 0 || diffusion > 0 || variational > 0 || crossEntropy > 0;
        }
    }

    /** How many tokens are dropped. */
    public enum Share {
        /** Each with the probability {@code ratio}. */
        FIXED,
        /** Each with a probability that is drawn for the grid, evenly from 0 to {@code ratio}. */
        RANDOM,
        /** Each with the probability t · {@code ratio}. */
        LINEAR
    }

    /**
     * Tokens that training replaces by a learnt vector, the mask, before noise is added; they are still to be guessed.
     *
     * @param share how many tokens are dropped; {@code fixed} if left out
     * @param ratio the share itself, 0 for none; [0, 1]; 0.2 for {@code fixed} and 1 for the others if left out
     */
    public record Dropping(Share share, Double ratio) {
        public Dropping {
            share = share == null ? Share.FIXED : share;
            ratio = ratio == null ? share == Share.FIXED ? 0.2 : 1.0 : ratio;
            if (!(ratio >= 0 && ratio <= 1)) {
                throw new IllegalArgumentException("dropping.ratio must be in [0, 1], got " + ratio);
            }
        }
    }

    /** Where z_s comes from, at which the teacher's guess is the target of the guess at z_t. */
    public enum Pair {
        /**
         * ẑ_s, to which the teacher's own guess leads from z_t by a step of the probability flow, as the paper. Least where the
         * guess is the same all along a path, so that it is the token at the path's end; p(x | z_t) is not the minimum.
         */
        FLOW,
        /**
         * Drawn from q(z_s | z_t, x), the forward process between the grid's own embeddings and z_t. Then E[p(x | z_s) | z_t] =
         * p(x | z_t), so a guess that is right at z_s asks for the right one at z_t.
         */
        DATA
    }

    /**
     * With what the guess at z_t is compared.
     *
     * @param pair where z_s comes from; {@code flow} if left out, as the paper
     * @param nearby how far s is from t at most, s even from max(0, t - nearby) to t; (0, 1]; 1 if left out, as the paper
     * @param every steps of training from one move of the teacher to the next; at least 1; 1 if left out
     */
    public record Consistency(Pair pair, Double nearby, Integer every) {
        public Consistency {
            pair = pair == null ? Pair.FLOW : pair;
            nearby = nearby == null ? 1.0 : nearby;
            every = every == null ? 1 : every;
            if (!(nearby > 0 && nearby <= 1)) {
                throw new IllegalArgumentException("consistency.nearby must be above 0 and at most 1, got " + nearby);
            }
            if (every < 1) {
                throw new IllegalArgumentException("consistency.every must be at least 1, got " + every);
            }
        }
    }

    /** The way a step is taken. */
    public enum Sampler {
        /** Draws from p(z_s | z_t), eq. 1. */
        ANCESTRAL,
        /** Follows the probability flow; good in few steps. */
        DDIM,
        /**
         * The same flow by steps of second order, which draw a line through this guess and the last, so that no call of the network is
         * added: DPM-Solver++(2M), Lu et al. 2022, arXiv:2211.01095. The first step and the one to z_0 are those of DDIM.
         */
        MULTISTEP
    }

    /**
     * How grids are drawn.
     *
     * @param steps usual number of steps, besides the last, which reads the tokens; at least 1; 200 if left out
     * @param sampler the way a step is taken; {@code ancestral} if left out
     */
    public record Steps(Integer steps, Sampler sampler) {
        public Steps {
            steps = steps == null ? 200 : steps;
            sampler = sampler == null ? Sampler.ANCESTRAL : sampler;
            if (steps < 1) {
                throw new IllegalArgumentException("steps must be at least 1, got " + steps);
            }
        }
    }

    public LcmdConfiguration {
        if (network == null) {
            throw new IllegalArgumentException("network is required: give layers, width and heads");
        }
        embedding = embedding == null ? new Embedding(null, null, null) : embedding;
        noise = noise == null ? new ShiftedCosine(null, null) : noise;
        weights = weights == null ? new Weights(null, null, null, null, null) : weights;
        dropping = dropping == null ? new Dropping(null, null) : dropping;
        evidence = evidence != null && evidence;
        if (!evidence && network instanceof TransformerConfiguration) {
            throw new IllegalArgumentException("network: kind transformer is not told the noise, which kind lcmd needs:"
                    + " take dit or vq-diffusion, or evidence: true");
        }
        consistency = consistency == null ? new Consistency(null, null, null) : consistency;
        teacher = teacher == null ? 0.99 : teacher;
        if (!(teacher >= 0 && teacher < 1)) {
            throw new IllegalArgumentException("teacher must be in [0, 1), got " + teacher);
        }
        sampling = sampling == null ? new Steps(null, null) : sampling;
        conditional = conditional == null || conditional;
        labelDropping = PriorConfiguration.labelDropping(labelDropping);
    }

    /** Cross-entropies of z_0 and of z_t, which are two passes, and the teacher of the consistency loss. */
    @Override
    public LossMemory lossMemory() {
        return new LossMemory(
                weights.reconstruction() > 0 && weights.between() ? 2 : 1,
                LossMemory.CROSS_ENTROPY.logitBytes(),
                weights.consistency() > 0);
    }

    @Override
    public Prior build(TokenSpace space, int classes, Seed seed, Device device) {
        return new Lcmd(this, space, conditional ? classes : 0, seed, device);
    }
}
