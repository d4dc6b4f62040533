package dev.smalti.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.recipe.TokenizerRecipe;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.tokenizer.Tokenizer;
import dev.smalti.tokenizer.vqgan.AdversarialConfiguration;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A VQGAN of a recipe, untrained, on random images: how fast it trains, encodes and decodes; and beside it the same layers in
 * plain PyTorch, where {@code SMALTI_PEER_PYTHON} names a Python that has it; then in three rounds, by turns.
 *
 * @param home where {@code bench/peer/vqgan.py} and the recipes are
 * @param peaks GFLOP/s by precision: of those that are measured
 */
record Tokenizers(Path home, Map<Precision, Double> peaks) {
    private static final int ROUNDS = 3;

    /** In each precision; {@code steps} of each kind. */
    Map<String, Object> measure(String recipe, int steps) throws IOException {
        return measure(recipe, steps, peaks.keySet());
    }

    /** By precision. */
    Map<String, Object> measure(String recipe, int steps, Set<Precision> precisions) throws IOException {
        Map<String, Object> results = new LinkedHashMap<>();
        for (Precision precision : precisions) {
            String name = precision.name().toLowerCase(Locale.ROOT);
            Rounds rounds = new Rounds();
            Map<String, Object> last = Map.of();
            for (int round = 0; round < (Peer.present() ? ROUNDS : 1); round++) {
                last = new LinkedHashMap<>();
                last.put("training", training(read(recipe, name, Integer.MAX_VALUE), steps, precision));
                last.put("adversarial_training", training(read(recipe, name, 0), steps, precision));
                last.putAll(coding(read(recipe, name, 0), steps, precision));
                if (Peer.present()) {
                    TokenizerRecipe asked = read(recipe, name, 0);
                    JsonNode peer = peer(asked, steps, name);
                    int batch = asked.training().batch();
                    last.forEach((what, ours) ->
                            rounds.add(what, rate(ours, batch), peer.get(what).asDouble()));
                }
            }
            Map<String, Object> result = new LinkedHashMap<>(last);
            result.putAll(rounds.result());
            results.put(name, result);
        }
        return results;
    }

    private static double rate(Object measured, int batch) {
        return measured instanceof Map<?, ?> map
                ? 1000 * batch / (double) map.get("median_milliseconds_a_step")
                : (double) measured;
    }

    private TokenizerRecipe read(String recipe, String precision, int start) {
        return RecipeFile.read(
                home.resolve("recipes").resolve(recipe),
                TokenizerRecipe.class,
                List.of("training.precision=" + precision, "tokenizer.adversarial.start=" + start));
    }

    private Map<String, Object> training(TokenizerRecipe recipe, int steps, Precision precision) {
        try (Tokenizer tokenizer = build(recipe)) {
            return Training.measure(
                    tokenizer.objectives(),
                    recipe.training(),
                    steps,
                    number -> images(tokenizer, recipe.training().batch(), number),
                    peaks.get(precision));
        }
    }

    /** Images a second, by the median batch. */
    private Map<String, Object> coding(TokenizerRecipe recipe, int steps, Precision precision) {
        int batch = recipe.training().batch();
        try (Tokenizer tokenizer = build(recipe);
                NoGradGuard guard = new NoGradGuard()) {
            return Scope.value(() -> {
                Tensor images = images(tokenizer, batch, 0);
                Tensor codes = tokenizer.encode(images, new long[batch]);
                Map<String, Object> result = new LinkedHashMap<>();
                result.put(
                        "encoding", batch / median(precision, steps, () -> tokenizer.encode(images, new long[batch])));
                result.put("decoding", batch / median(precision, steps, () -> tokenizer.decode(codes)));
                return result;
            });
        }
    }

    private static double median(Precision precision, int steps, Supplier<Tensor> work) {
        double[] seconds = new double[steps];
        for (int i = -3; i < steps; i++) {
            long start = System.nanoTime();
            Scope.free(() -> precision.run(Devices.cpu(), work));
            if (i >= 0) {
                seconds[i] = (System.nanoTime() - start) / 1e9;
            }
        }
        Arrays.sort(seconds);
        return seconds[steps / 2];
    }

    private static Tokenizer build(TokenizerRecipe recipe) {
        return recipe.tokenizer().build(new Seed(0), Devices.cpu());
    }

    private static Tensor images(Tokenizer tokenizer, int batch, long number) {
        int size = tokenizer.imageSize();
        return Tensors.zeros(batch, 3, size, size)
                .uniform_(-1, 1, new Seed(number).optional())
                .to(ScalarType.Float);
    }

    private JsonNode peer(TokenizerRecipe recipe, int steps, String precision) throws IOException {
        VqganConfiguration vqgan = (VqganConfiguration) recipe.tokenizer();
        AdversarialConfiguration adversarial = vqgan.adversarial();
        Map<String, Object> options = new LinkedHashMap<>();
        options.put("precision", precision);
        options.put("steps", steps);
        options.put("size", vqgan.size());
        options.put("batch", recipe.training().batch());
        options.put("patch", vqgan.patch());
        options.put("channels", vqgan.channels());
        options.put(
                "multipliers", vqgan.multipliers().stream().map(String::valueOf).collect(Collectors.joining(",")));
        options.put("res-blocks", vqgan.resBlocks());
        options.put("decoder-blocks", vqgan.decoderBlocks());
        options.put("codes", vqgan.codebook().codes());
        options.put("dimension", vqgan.codebook().dimension());
        options.put("output-swish", vqgan.outputSwish() ? 1 : 0);
        options.put("pixel-likelihood", vqgan.pixelLikelihood() ? 1 : 0);
        options.put("discriminator-channels", adversarial.channels());
        options.put("discriminator-layers", adversarial.layers());
        List<String> arguments = new ArrayList<>();
        options.forEach((name, value) -> arguments.addAll(List.of("--" + name, value.toString())));
        return Peer.run(home, "vqgan.py", arguments).get(precision);
    }
}
