package dev.smalti.prior;

import dev.smalti.network.Parameters;
import dev.smalti.prior.process.Inference;
import dev.smalti.token.TokenSpace;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/**
 * What every prior has.
 *
 * @param space K, h, w and T
 * @param classes 0 for an unconditional prior
 * @param parameters all that is learnt, and what is kept with it
 */
public record PriorCore(TokenSpace space, int classes, Parameters parameters) {
    /** Bits a token for a nat a grid. */
    public double bits() {
        return 1 / (space.length() * Math.log(2));
    }

    /**
     * {@link Prior#negativeLogLikelihood} by {@code estimate}, once the grids are checked: without gradients and dropout.
     *
     * @return on the CPU
     */
    public Tensor negativeLogLikelihood(TokenBatch batch, Supplier<Tensor> estimate) {
        batch.check(space, classes);
        return Inference.tensor(parameters, () -> estimate.get().cpu());
    }

    /** {@link SearchableSteps#stepCosts} by {@code measure}, once the grids are checked: without gradients and dropout. */
    public double[][] stepCosts(TokenBatch batch, Supplier<double[][]> measure) {
        batch.check(space, classes);
        return Inference.value(parameters, measure);
    }
}
