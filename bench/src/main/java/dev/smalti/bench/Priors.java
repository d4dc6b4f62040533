package dev.smalti.bench;

import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.network.CausalNetwork;
import dev.smalti.network.CausalNetworkConfiguration;
import dev.smalti.network.KeyValueCache;
import dev.smalti.network.NetworkShape;
import dev.smalti.network.Parameters;
import dev.smalti.network.Work;
import dev.smalti.prior.Prior;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.TokenBatch;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.prior.process.GridDraw;
import dev.smalti.prior.rdpm.RdpmConfiguration;
import dev.smalti.recipe.PriorRecipe;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import dev.smalti.tokenizer.residual.ResidualConfiguration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Every prior that has a recipe, untrained, over tokens like the bundled model's: how fast it trains and how fast it draws.
 *
 * @param recipes folder
 * @param like whose tokens and classes are taken
 * @param peak GFLOP/s in {@code precision}
 */
record Priors(Path recipes, RunFolder.Description like, Precision precision, double peak) {
    private static final int GRIDS = 16;

    /** Of each recipe of a prior, by its name. */
    Map<String, Object> all() throws IOException {
        List<Path> files;
        try (Stream<Path> entries = Files.list(recipes)) {
            files = entries.filter(file -> file.toString().endsWith(".yaml"))
                    .sorted()
                    .toList();
        }
        Map<String, Object> results = new LinkedHashMap<>();
        for (Path file : files) {
            if (Files.readAllLines(file).stream().anyMatch(line -> line.startsWith("prior:"))) {
                String name = file.getFileName().toString().replace(".yaml", "");
                Map<String, Object> result = new LinkedHashMap<>();
                result.put("training", training(recipe(name), 8));
                result.put("drawing", drawing(recipe(name), GRIDS, Sampling.USUAL));
                results.put(name, result);
            }
        }
        return results;
    }

    PriorRecipe recipe(String name) {
        return RecipeFile.read(recipes.resolve(name + ".yaml"), PriorRecipe.class, List.of());
    }

    Map<String, Object> training(PriorRecipe recipe, int steps) {
        int batch = recipe.training().batch();
        try (Prior prior = build(recipe.prior())) {
            return Training.measure(
                    prior.objectives(),
                    recipe.training(),
                    steps,
                    number -> tokens(prior.space(), prior.classes(), batch, number),
                    peak);
        }
    }

    private Prior build(PriorConfiguration configuration) {
        return configuration.build(space(configuration), like.classes(), new Seed(0), Devices.cpu());
    }

    /** That of the model's tokens; for RDPM with as many codes a place as its tokenizer's recipe gives. */
    private TokenSpace space(PriorConfiguration configuration) {
        if (!(configuration instanceof RdpmConfiguration)) {
            return like.space();
        }
        TokenizerRecipe recipe =
                RecipeFile.read(recipes.resolve("rdpm-tokenizer.yaml"), TokenizerRecipe.class, List.of());
        int depth = ((ResidualConfiguration) recipe.tokenizer()).steps();
        return new TokenSpace(
                like.space().codes(), like.space().height(), like.space().width(), depth);
    }

    /** Random ones. */
    static TokenBatch tokens(TokenSpace space, int classes, int batch, long number) {
        Tensor codes = Tensors.uniform(new Seed(number).generator(), batch, space.size())
                .mul(new Scalar((double) space.codes()))
                .to(ScalarType.Long);
        return new TokenBatch(
                codes,
                classes == 0 ? null : Tensors.filled(number % classes, batch),
                Tensors.longs(LongStream.range(0, batch).toArray()));
    }

    /** Random ones for a prior, where it is. */
    static TokenBatch tokens(Prior prior, int batch, long number) {
        Device device = prior.parameters().device();
        TokenBatch tokens = tokens(prior.space(), prior.classes(), batch, number);
        return new TokenBatch(
                Devices.send(tokens.codes(), device, ScalarType.Long),
                tokens.labels() == null ? null : Devices.send(tokens.labels(), device, ScalarType.Long),
                tokens.noiseSeeds());
    }

    /** Grids drawn at once, twice after once to warm up; no images are made of them. */
    Map<String, Object> drawing(PriorRecipe recipe, int grids, Sampling sampling) {
        try (Prior prior = build(recipe.prior())) {
            draw(prior, grids, 0, sampling, (done, of, xt) -> {});
            long passes = Work.passes();
            List<Double> seconds = new ArrayList<>();
            long before = Work.done();
            int[] steps = new int[1];
            for (int i = 1; i <= 2; i++) {
                long start = System.nanoTime();
                draw(prior, grids, i, sampling, (done, of, xt) -> steps[0] = of);
                seconds.add((System.nanoTime() - start) / 1e9);
            }
            double operations = (Work.done() - before) / 2.0;
            double median = (seconds.get(0) + seconds.get(1)) / 2;
            Map<String, Object> result = new LinkedHashMap<>();
            result.put("images", grids);
            result.put("steps", steps[0]);
            result.put("seconds", seconds);
            result.put("images_per_second", grids / median);
            result.put("forward_passes_per_image", (Work.passes() - passes) / 2.0 / grids);
            result.put("gflop_per_image", operations / grids / 1e9);
            result.put("share_of_peak", operations / median / 1e9 / peak);
            return result;
        }
    }

    private void draw(Prior prior, int grids, long seed, Sampling sampling, StepWatcher watcher) {
        Device device = prior.parameters().device();
        Scope.free(() -> {
            List<Seed> seeds =
                    LongStream.range(0, grids).mapToObj(new Seed(seed)::child).toList();
            Tensor labels = prior.classes() == 0
                    ? null
                    : Tensors.longs(LongStream.range(0, grids)
                            .map(i -> i * prior.classes() / grids)
                            .toArray());
            GridDraw draw = prior.draw(sampling, RandomStreams.of(seeds, device))
                    .labels(labels)
                    .watcher(watcher);
            precision.run(device, () -> prior.sample(draw));
        });
    }

    /** Time of a token of the autoregressive prior, with its memory of the tokens before it and without. */
    List<Map<String, Object>> cache() {
        int grids = 4;
        CausalNetworkConfiguration configuration =
                ((AutoregressiveConfiguration) recipe("autoregressive").prior()).network();
        List<Map<String, Object>> results = new ArrayList<>();
        for (int side : new int[] {8, 12, 16}) {
            int length = side * side;
            NetworkShape shape = new NetworkShape(side, side, like.codes(), like.codes(), 0, 0);
            try (Parameters parameters = new Parameters(new Seed(0), Devices.cpu());
                    NoGradGuard guard = new NoGradGuard()) {
                CausalNetwork network = configuration.causal(parameters, shape);
                Map<String, Object> result = new LinkedHashMap<>();
                result.put("tokens", length);
                for (boolean cached : new boolean[] {true, false}) {
                    String suffix = cached ? "" : "_without_cache";
                    tokenByToken(network, grids, Math.min(16, length), cached);
                    long before = Work.done();
                    long start = System.nanoTime();
                    tokenByToken(network, grids, length, cached);
                    double tokens = (double) grids * length;
                    result.put("seconds_per_token" + suffix, (System.nanoTime() - start) / 1e9 / tokens);
                    result.put("mflop_per_token" + suffix, (Work.done() - before) / 1e6 / tokens);
                }
                results.add(result);
            }
        }
        return results;
    }

    private void tokenByToken(CausalNetwork network, int grids, int length, boolean cached) {
        Scope.free(() -> precision.run(Devices.cpu(), () -> {
            Tensor x = Tensors.filled(0, grids, length);
            KeyValueCache cache = network.cache(grids);
            for (int i = 0; i < length; i++) {
                int at = i;
                Scope.free(() -> {
                    if (cached) {
                        network.next(at == 0 ? null : x.select(1, at - 1), null, cache);
                    } else {
                        network.logits(x.narrow(1, 0, at + 1), null);
                    }
                });
            }
            return null;
        }));
    }
}
