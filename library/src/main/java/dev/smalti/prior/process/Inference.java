package dev.smalti.prior.process;

import dev.smalti.prior.Prior;
import dev.smalti.prior.TokenBatch;
import dev.smalti.tensor.Scope;
import java.util.function.Supplier;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/** What it takes to use a prior rather than train it: no gradients, no dropout, and nothing kept but the result. */
public final class Inference {
    private Inference() {}

    public static Tensor of(Prior prior, Supplier<Tensor> body) {
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                prior.parameters().training(false);
                return body.get();
            }
        });
    }

    /**
     * {@link Prior#negativeLogLikelihood} by {@code estimate}, once the grids are checked.
     *
     * @return on the CPU
     */
    public static Tensor negativeLogLikelihood(Prior prior, Tensor codes, Tensor labels, Supplier<Tensor> estimate) {
        return negativeLogLikelihood(prior, new TokenBatch(codes, labels), estimate);
    }

    /** The same of a batch. */
    public static Tensor negativeLogLikelihood(Prior prior, TokenBatch batch, Supplier<Tensor> estimate) {
        batch.check(prior.space(), prior.classes());
        return of(prior, () -> estimate.get().cpu());
    }

    /** {@link Prior#stepCosts} by {@code measure}, once the grids are checked. */
    public static double[][] stepCosts(Prior prior, TokenBatch batch, Supplier<double[][]> measure) {
        batch.check(prior.space(), prior.classes());
        return Scope.value(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                prior.parameters().training(false);
                return measure.get();
            }
        });
    }
}
