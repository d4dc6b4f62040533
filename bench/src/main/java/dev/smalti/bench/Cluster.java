package dev.smalti.bench;

import dev.smalti.prior.Prior;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.tensor.Seed;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Device;

/**
 * What a training of the papers' size would take on many cards: calculated, from the operations of its parameters, the bytes of its
 * gradients and the speed of a link; and by how much the slowest of many processes holds up the others, by simulation.
 */
final class Cluster {
    /** Products a second of a card, of an NVIDIA H200 as docs/gpu.md has it. */
    private static final double BEST = 790e12;
    /** What a training step reached of it there, 24 layers of width 512 at a batch of 64. */
    private static final double SHARE = 0.22;

    private static final int[] PROCESSES = {1, 8, 64};
    private static final double[] GIGABYTES = {0.5, 3, 50, 300};
    private static final int TOKENS = 256;
    private static final int CLASSES = 1000;
    private static final int DRAWS = 20_000;

    private Cluster() {}

    /** @param recipes folder of the papers' recipes */
    static Map<String, Object> measure(Path recipes) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("halton-imagenet-large", of(recipes.resolve("halton-imagenet-large.yaml"), 16_384));
        all.put("sedd-imagenet-absorb", of(recipes.resolve("sedd-imagenet-absorb.yaml"), 1024));
        all.put("lcmd-imagenet", of(recipes.resolve("lcmd-imagenet.yaml"), 1024));
        all.put("slowest_of", stragglers());
        return all;
    }

    private static Map<String, Object> of(Path file, int codes) {
        PriorRecipe recipe = RecipeFile.read(file, PriorRecipe.class, List.of());
        TokenSpace space = new TokenSpace(codes, 16, 16);
        long parameters;
        try (Prior prior = recipe.prior().build(space, CLASSES, new Seed(0), new Device("meta"))) {
            parameters = prior.parameters().count();
        }
        int batch = recipe.training().batch();
        double operations = 6.0 * parameters * TOKENS * batch; // forward 2, backward 4
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("parameters", parameters);
        facts.put("batch", batch);
        facts.put("steps", recipe.training().steps());
        facts.put("operations_a_step", operations);
        List<Map<String, Object>> rows = new ArrayList<>();
        for (int n : PROCESSES) {
            double seconds = operations / n / (BEST * SHARE);
            double bytes = 2.0 * (n - 1) / n * 4 * parameters;
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("processes", n);
            row.put("items_of_each", (double) batch / n);
            row.put("seconds_of_products", seconds);
            row.put("gigabytes_sent_by_each", bytes / 1e9);
            for (double link : GIGABYTES) {
                double sum = bytes / (link * 1e9);
                row.put("step_at_" + link + "_GB_a_second", seconds + sum);
                row.put(
                        "days_at_" + link + "_GB_a_second",
                        (seconds + sum) * recipe.training().steps() / 86_400);
            }
            rows.add(row);
        }
        facts.put("rows", rows);
        return facts;
    }

    /** The mean of the slowest of N steps, where one is 1 in the mean of its own. */
    private static Map<String, Object> stragglers() {
        Map<String, Object> all = new LinkedHashMap<>();
        for (double deviation : new double[] {0.02, 0.1}) {
            for (double pauses : new double[] {0, 0.01}) {
                Map<String, Object> row = new LinkedHashMap<>();
                for (int n : PROCESSES) {
                    row.put(Integer.toString(n), slowest(n, deviation, pauses));
                }
                all.put("deviation " + deviation + ", twice as long in " + pauses + " of all", row);
            }
        }
        return all;
    }

    private static double slowest(int n, double deviation, double pauses) {
        SplittableRandom random = new SplittableRandom(0);
        double sum = 0;
        for (int i = 0; i < DRAWS; i++) {
            double most = 0;
            for (int j = 0; j < n; j++) {
                double one = Math.max(0, 1 + deviation * random.nextGaussian());
                most = Math.max(most, random.nextDouble() < pauses ? 2 * one : one);
            }
            sum += most;
        }
        return sum / DRAWS;
    }
}
