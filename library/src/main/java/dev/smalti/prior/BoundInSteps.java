package dev.smalti.prior;

import dev.smalti.tensor.Seed;
import org.bytedeco.pytorch.Tensor;

/**
 * A prior with two bounds on -ln p: that of a process in continuous time, {@link #negativeLogLikelihood}, and that of the
 * process in the T steps of its paper, as a rule the higher one: a step guesses all that it reveals at once.
 */
public interface BoundInSteps extends Prior {
    /** T */
    int steps();

    /**
     * An unbiased estimate of the bound of T steps on -ln p of each grid, in nats.
     *
     * @return float32 [B] on the CPU
     * @throws IllegalArgumentException naming the code or label that isn't one of this prior's
     */
    Tensor negativeLogLikelihoodInSteps(TokenBatch batch, Seed seed);
}
