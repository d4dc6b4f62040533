package dev.smalti.bench;

import dev.smalti.draw.Corrector;
import dev.smalti.draw.Corrector.Gibbs;
import dev.smalti.draw.Corrector.When;
import dev.smalti.draw.Extrapolation;
import dev.smalti.draw.Order;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Unmasking;
import dev.smalti.draw.Unmasking.Reveal;
import dev.smalti.testing.JointExperiment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What samplers draw of priors that were trained, not exact: the total variation of 20,000 grids of 2×2 tokens to the joint that they
 * learnt, by the sampler and the calls of the network. Perfect draws are 0.06 from it. Some five minutes a prior.
 */
final class SamplerAblation {
    private static final List<String> MASKED = List.of("absorbing", "maskgit", "sedd-absorb");
    private static final List<String> REPLACED = List.of("d3pm-uniform", "sedd-uniform");

    private SamplerAblation() {}

    /** @param recipes of recipes/toy; empty for all of both kinds */
    static Map<String, Object> table(Path toy, List<String> recipes) throws IOException {
        Map<String, Object> table = new LinkedHashMap<>();
        JointExperiment experiment = new JointExperiment(Files.createTempDirectory("samplers"));
        for (String recipe : recipes.isEmpty() ? all() : recipes) {
            Path run = experiment.train(toy.resolve(recipe + ".yaml"), "training.steps=2000", "training.batch=256");
            Map<String, Object> rows = new LinkedHashMap<>();
            settings(recipe).forEach((name, sampling) -> rows.put(name, experiment.distance(run, sampling)));
            table.put(recipe, rows);
        }
        return table;
    }

    private static List<String> all() {
        return List.of("absorbing", "maskgit", "sedd-absorb", "d3pm-uniform", "sedd-uniform");
    }

    private static Map<String, Sampling> settings(String recipe) {
        if (MASKED.contains(recipe)) {
            return masked();
        }
        if (REPLACED.contains(recipe)) {
            return replaced();
        }
        throw new IllegalArgumentException("samplers are measured of " + all() + ", got " + recipe);
    }

    private static Map<String, Sampling> masked() {
        Map<String, Sampling> all = new LinkedHashMap<>();
        for (int calls : new int[] {2, 4}) {
            Sampling steps = Sampling.USUAL.steps(calls);
            Sampling coins = steps.unmasking(Unmasking.USUAL.reveal(Reveal.COINS));
            Sampling counts = steps.unmasking(Unmasking.USUAL.reveal(Reveal.COUNTS));
            all.put("usual, " + calls, steps);
            all.put("counts at random, " + calls, counts.order(Order.RANDOM));
            all.put("halton, " + calls, steps.order(Order.HALTON));
            all.put("entropy, " + calls, steps.order(Order.ENTROPY));
            all.put("margin, " + calls, steps.order(Order.MARGIN));
            all.put("moment, " + calls, steps.order(Order.MOMENT));
            all.put("confidence, " + calls, steps.order(Order.CONFIDENCE));
            all.put(
                    "counts, λ = 0.25, " + calls,
                    counts.order(Order.RANDOM).extrapolation(new Extrapolation.Multistep(0.25)));
            all.put("coins, " + calls, coins);
            all.put("coins, λ = 0.5, " + calls, coins.extrapolation(new Extrapolation.Multistep(0.5)));
            all.put("coins, λ = 1, " + calls, coins.extrapolation(new Extrapolation.Multistep(1)));
            all.put(
                    "coins, trapezoidal, " + calls,
                    coins.steps(calls / 2).extrapolation(new Extrapolation.Trapezoidal(0.5)));
        }
        Sampling two = Sampling.USUAL.steps(2).order(Order.RANDOM);
        all.put("counts of 2, then 2 sweeps, 4", two.corrector(new Gibbs(2, 1, When.END)));
        all.put("counts of 2, then 6 sweeps, 8", two.corrector(new Gibbs(6, 1, When.END)));
        return all;
    }

    private static Map<String, Sampling> replaced() {
        Map<String, Sampling> all = new LinkedHashMap<>();
        for (int calls : new int[] {4, 8, 16, 32}) {
            Sampling steps = Sampling.USUAL.steps(calls);
            Sampling half = Sampling.USUAL.steps(calls / 2);
            all.put("ancestral, " + calls, steps);
            all.put("λ = 0.5, " + calls, steps.extrapolation(new Extrapolation.Multistep(0.5)));
            all.put("λ = 1, " + calls, steps.extrapolation(new Extrapolation.Multistep(1)));
            all.put("trapezoidal, " + calls, half.extrapolation(new Extrapolation.Trapezoidal(0.5)));
            all.put("sweeps at the end, " + calls, half.corrector(new Gibbs(calls / 2, 1, When.END)));
            all.put("a sweep between, " + calls, half.corrector(new Gibbs(1, 1, When.BETWEEN)));
            all.put("psi, κ = 0.95, " + calls, steps.corrector(new Corrector.Psi(0.95)));
        }
        return all;
    }
}
