package dev.smalti.studio;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.model.GridBatch;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Scope;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What of the sampling a model can do, found by trying each for one step.
 *
 * @param steps that it usually takes; 0 if it doesn't say
 * @param anySteps whether it takes other numbers of them
 * @param guidance whether classes can be insisted on
 * @param reveal how many places a step reveals, by name, the usual first
 * @param orders of the places, by name, the usual first
 * @param extrapolation whether guesses may look ahead
 * @param canvas whether it draws larger grids than those of training
 * @param watched whether its steps can be shown
 */
record Abilities(
        int steps,
        boolean anySteps,
        boolean guidance,
        List<String> reveal,
        List<String> orders,
        boolean extrapolation,
        boolean canvas,
        boolean watched) {
    private static final List<String> USUAL = List.of("usual");

    static Abilities of(Model model) {
        AtomicInteger steps = new AtomicInteger();
        can(model, Sampling.USUAL, steps);
        TokenSpace space = model.prior().space();
        Unmasking some = Unmasking.USUAL;
        return new Abilities(
                steps.get(),
                can(model, Sampling.USUAL.steps(Math.max(2, steps.get() / 2))),
                model.prior().classes() > 0 && can(model, Sampling.USUAL.guidance(1)),
                can(model, Sampling.USUAL.unmasking(some.reveal(Reveal.COUNTS)))
                        ? ImageRequest.names(Reveal.values())
                        : USUAL,
                can(model, Sampling.USUAL.unmasking(some.order(Order.ENTROPY)))
                        ? ImageRequest.names(Order.values())
                        : USUAL,
                can(model, Sampling.USUAL.extrapolation(new Extrapolation.Multistep(0.5))),
                can(model, Sampling.USUAL.canvas(new Canvas(space.height(), space.width() + 1, 0))),
                space.depth() == 1);
    }

    private static boolean can(Model model, Sampling sampling) {
        return can(model, sampling, new AtomicInteger());
    }

    /** @param steps is told how many there are */
    private static boolean can(Model model, Sampling sampling, AtomicInteger steps) {
        long[] labels = model.labels(List.of(), 1, 0);
        StepWatcher watcher = StepWatcher.of(false, (done, of, xt) -> {
            steps.set(of);
            throw new CancellationException("one step is enough");
        });
        try {
            Scope.free(() -> model.codes(new GridBatch(List.of(Model.grid(0, 0)), labels, sampling), watcher));
            return true;
        } catch (CancellationException e) {
            return true;
        } catch (IllegalArgumentException | JobException e) { // such as an UnsupportedSamplingException
            return false;
        }
    }
}
