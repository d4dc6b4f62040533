package dev.smalti.prior.process;

import dev.smalti.draw.Guidance;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.prior.Prior;
import dev.smalti.prior.Prior.StepWatcher;
import dev.smalti.prior.TokenBatch;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Tensor;

/** What is the same whenever grids are drawn step by step: the checks, the weight of the guidance, the watcher. */
public final class Chain {
    private Chain() {}

    /** One step of the method. */
    @FunctionalInterface
    public interface Step {
        /**
         * @param xt int64 [B, L]
         * @param number 1..steps
         * @return int64 [B, L]
         */
        Tensor take(Tensor xt, int number);
    }

    /**
     * Takes {@code steps} steps from {@code first}, without gradients.
     *
     * @param frame of the grids
     * @param guidance whose weight is set before each step
     * @param labels int64 [B]; null for an unconditional prior
     * @param first the state before the first step, int64 [B, L]
     * @return int64 [B, h, w], or [B, T, h, w] where there are several codes at each place
     * @throws IllegalArgumentException naming the label that isn't one of the prior's, or guidance where there are no classes
     */
    public static Tensor run(
            Prior prior,
            Frame frame,
            Sampling sampling,
            Guidance guidance,
            Tensor labels,
            RandomStreams draws,
            int steps,
            Supplier<Tensor> first,
            Step step,
            StepWatcher watcher) {
        Step guided = (x, number) -> {
            guidance.weight(sampling.weight(number, steps));
            return step.take(x, number);
        };
        return run(prior, frame, sampling, labels, draws, steps, first, guided, watcher);
    }

    /** The same where the step minds the guidance itself. */
    public static Tensor run(
            Prior prior,
            Frame frame,
            Sampling sampling,
            Tensor labels,
            RandomStreams draws,
            int steps,
            Supplier<Tensor> first,
            Step step,
            StepWatcher watcher) {
        if (prior.classes() == 0 && sampling.guidance() > 0) {
            throw new UnsupportedSamplingException(
                    "guidance needs a model with classes, and this one has none: leave it 0");
        }
        if (sampling.negative() != null && !(sampling.negative() >= 0 && sampling.negative() <= prior.classes())) {
            throw new UnsupportedSamplingException("the negative label must be in 0.." + prior.classes() + " ("
                    + prior.classes() + " for no class), got " + sampling.negative());
        }
        return Inference.of(prior, () -> {
            TokenBatch.checkLabels(labels, prior.classes(), draws.grids());
            Tensor x = first.get();
            for (int number = 1; number <= steps; number++) {
                x = step.take(x, number);
                watcher.step(number, steps, frame.space().grids(x));
            }
            return frame.space().grids(x);
        });
    }
}
