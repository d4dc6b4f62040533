package dev.smalti.app;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import picocli.CommandLine.Option;

/** What the steps of a draw do: which places they reveal, how they look ahead and what they correct. */
final class StepOptions {
    @Option(
            names = "--order",
            paramLabel = "ORDER",
            defaultValue = "usual",
            description =
                    "in which masked tokens are revealed: random, halton, raster, or by what the model guesses: confidence,"
                            + " entropy, margin, moment (default: usual, the prior's own)")
    private Order order;

    @Option(
            names = "--order-noise",
            paramLabel = "C",
            description = "of the orders confidence and moment (default: 4.5, or as trained)")
    private Double noise;

    @Option(
            names = "--reveal",
            paramLabel = "HOW",
            defaultValue = "usual",
            description =
                    "masked tokens by coins, each by itself, or by counts, as many as are expected (default: usual, the"
                            + " prior's own)")
    private Reveal reveal;

    @Option(
            names = "--entropy-bound",
            paramLabel = "G",
            description =
                    "in place of --steps: reveal together what has entropies that exceed the greatest by G nats in all")
    private Double bound;

    @Option(
            names = "--extrapolate",
            paramLabel = "L",
            description =
                    "draw of guesses that go on from the step before by L times their change, such as 0.5 (default: 0)")
    private Double extrapolate;

    @Option(
            names = "--trapezoidal",
            paramLabel = "THETA",
            description = "trapezoidal steps of two calls each, the second after THETA of the step, such as 0.5")
    private Double trapezoidal;

    @Option(
            names = "--corrector",
            paramLabel = "KIND",
            description =
                    "draw some tokens anew: gibbs, psi, remask-cap, remask-rescale or remask-loop (default: none)")
    private Corrector.Kind corrector;

    @Option(names = "--corrector-sweeps", paramLabel = "N", description = "of gibbs, a call each (default: 1)")
    private Integer sweeps;

    @Option(names = "--corrector-places", paramLabel = "N", description = "of gibbs, tokens at once (default: 1)")
    private Integer places;

    @Option(
            names = "--corrector-when",
            paramLabel = "WHEN",
            description = "of gibbs: end or between steps (default: end)")
    private Corrector.When when;

    @Option(names = "--corrector-kappa", paramLabel = "K", description = "of psi, a share (default: 0.9)")
    private Double kappa;

    @Option(names = "--corrector-eta", paramLabel = "E", description = "of remask, a share (default: 0.02)")
    private Double eta;

    Sampling of(Sampling sampling) {
        if (extrapolate != null && trapezoidal != null) {
            throw new IllegalArgumentException(
                    "--extrapolate and --trapezoidal are two ways to look ahead: leave one of them out");
        }
        if (bound != null && bound > 0 && sampling.steps().count() > 0) {
            throw new IllegalArgumentException(
                    "--entropy-bound says how many tokens a step reveals, and so does --steps: leave one of them out");
        }
        return sampling.unmasking(new Unmasking(reveal, order, noise, bound == null ? 0 : bound))
                .extrapolation(extrapolation())
                .corrector(Corrector.of(corrector, sweeps, places, when, kappa, eta));
    }

    private Extrapolation extrapolation() {
        if (trapezoidal != null) {
            return new Extrapolation.Trapezoidal(trapezoidal);
        }
        return extrapolate == null || extrapolate == 0 ? Extrapolation.NONE : new Extrapolation.Multistep(extrapolate);
    }
}
