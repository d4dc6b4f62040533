package dev.smalti.studio;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Corrector;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * What of the sampling a model can do, found by trying each for one step, which asks the network.
 *
 * @param steps that it usually takes; 0 if it doesn't say
 * @param anySteps whether it takes other numbers of them
 * @param guidance whether classes can be insisted on
 * @param reveal how many places a step reveals, by name, the usual first
 * @param orders of the places, by name, the usual first
 * @param entropyBound whether a step may reveal as many places as have little entropy together
 * @param extrapolation whether guesses may look ahead
 * @param trapezoidal whether steps may be of two calls, in half as many of them as usual
 * @param correctors by name, "none" first
 * @param canvas whether it draws larger grids than those of training
 * @param watched whether its steps can be shown
 */
record Abilities(
        int steps,
        boolean anySteps,
        boolean guidance,
        List<String> reveal,
        List<String> orders,
        boolean entropyBound,
        boolean extrapolation,
        boolean trapezoidal,
        List<String> correctors,
        boolean canvas,
        boolean watched) {
    static Abilities of(Model model) {
        AtomicInteger usual = new AtomicInteger();
        can(model, Sampling.USUAL, usual);
        int steps = usual.get();
        Sampling few = Sampling.USUAL.steps(Math.max(2, steps / 2));
        boolean anySteps = can(model, few);
        TokenSpace space = model.prior().space();
        Unmasking some = Unmasking.USUAL;
        return new Abilities(
                steps,
                anySteps,
                model.prior().classes() > 0 && can(model, Sampling.USUAL.guidance(1)),
                names(Reveal.values(), each -> can(model, Sampling.USUAL.unmasking(some.reveal(each)))),
                names(Order.values(), each -> can(model, Sampling.USUAL.order(each))),
                can(model, Sampling.USUAL.unmasking(some.bound(1))),
                can(model, Sampling.USUAL.extrapolation(new Extrapolation.Multistep(0.5))),
                anySteps && can(model, few.extrapolation(new Extrapolation.Trapezoidal(0.5))),
                correctors(model),
                can(model, Sampling.USUAL.canvas(new Canvas(space.height(), space.width() + 1, 0))),
                space.depth() == 1);
    }

    /** Those that it can, and the usual one in any case. */
    private static <E extends Enum<E>> List<String> names(E[] values, Predicate<E> able) {
        return Arrays.stream(values)
                .filter(each -> each.ordinal() == 0 || able.test(each))
                .map(each -> each.name().toLowerCase(Locale.ROOT))
                .toList();
    }

    private static List<String> correctors(Model model) {
        List<String> names = new ArrayList<>(List.of(ImageRequest.NO_CORRECTOR));
        for (Corrector.Kind kind : Corrector.Kind.values()) {
            if (can(model, Sampling.USUAL.corrector(Corrector.of(kind, null, null, null, null, null)))) {
                names.add(kind.toString());
            }
        }
        return names;
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
