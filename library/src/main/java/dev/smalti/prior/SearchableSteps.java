package dev.smalti.prior;

import dev.smalti.tensor.Seed;

/** A prior whose steps can be chosen by what they cost. */
public interface SearchableSteps extends Prior {
    /**
     * What steps cost: the nats by which a step of a walk back, from one share of noise to a smaller one at once, adds to the
     * bound on -ln p of a grid, the mean over the batch. Along a list of times they add up to the bound of that walk.
     *
     * @param shares of noise as in {@link dev.smalti.draw.Steps.Listed}, ascending, the first 0 and the last 1
     * @return [i][j] of the step from shares[i] to shares[j], j below i
     * @throws IllegalArgumentException if the steps can't be chosen as the prior is configured
     */
    double[][] stepCosts(TokenBatch batch, double[] shares, Seed seed);

    /** The steps in which a grid of training's size is drawn where no number is asked for. */
    int usualSteps();
}
