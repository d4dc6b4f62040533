package dev.smalti.prior;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.network.Objective;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** A distribution of token grids that is learnt and drawn from. */
public interface Prior extends AutoCloseable {
    /** K, h, w and T. */
    TokenSpace space();

    /** Number of classes; 0 for an unconditional prior. */
    int classes();

    Parameters parameters();

    /**
     * Takes from the tokens that it will be trained on what the method needs beside the codes, such as their vectors. Called
     * before training, and kept with the weights.
     *
     * @throws IllegalArgumentException naming what the tokens lack
     */
    default void prepare(TokenFile tokens) {}

    /** What is trained, in the order in which it is trained on each batch. */
    List<Objective<TokenBatch>> objectives();

    /**
     * Draws grids.
     *
     * @param labels int64 [B]; the number of classes draws without class; null for an unconditional prior
     * @param draws of B grids
     * @param watcher called after every step
     * @return int64 [B, h, w], or [B, T, h, w] where there are several codes at each place; the noise of grid i, where the
     *     method has any, is then that of {@link RandomStreams#noiseSeeds}
     * @throws IllegalArgumentException naming the option that the method can't honour, or the label that isn't one
     */
    Tensor sample(Sampling sampling, Tensor labels, RandomStreams draws, StepWatcher watcher);

    /**
     * An unbiased estimate of a bound on -ln p of each grid (or the value itself, where {@link #exact}), in nats.
     *
     * @param codes int64 [B, L]
     * @param labels int64 [B]; null for an unconditional prior
     * @return float32 [B]
     * @throws IllegalArgumentException naming the code or label that isn't one of this prior's
     */
    Tensor negativeLogLikelihood(Tensor codes, Tensor labels, Seed seed);

    /**
     * {@link #negativeLogLikelihood(Tensor, Tensor, Seed)} of a batch, whose noise a method of a diffusion tokenizer needs as well. Such a
     * method gives the likelihood of the codes given their noise.
     */
    default Tensor negativeLogLikelihood(TokenBatch batch, Seed seed) {
        return negativeLogLikelihood(batch.codes(), batch.labels(), seed);
    }

    /**
     * What leaps cost: the nats by which a step of a walk back, from one share of noise to a smaller one at once, adds to the
     * bound on -ln p of a grid, the mean over the batch. Along a list of times they add up to the bound of that walk.
     *
     * @param shares of noise as in {@link Sampling#times}, ascending, the first 0 and the last 1
     * @return [i][j] of the step from shares[i] to shares[j], j below i
     * @throws IllegalArgumentException if the method's steps can't be chosen
     */
    double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed);

    /** Whether {@link #negativeLogLikelihood(TokenBatch, Seed) nats} is the likelihood rather than a bound from above. */
    boolean exact();

    @Override
    void close();

    /** Sees the grids as they come to be. */
    @FunctionalInterface
    interface StepWatcher {
        StepWatcher NONE = (done, of, xt) -> {};

        /**
         * @param done steps taken, 1..of
         * @param xt int64 [B, h, w] or [B, T, h, w], K where masked or not drawn yet
         */
        void step(int done, int of, Tensor xt);
    }
}
