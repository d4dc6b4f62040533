package dev.smalti.exchange;

import dev.smalti.corruption.Noise;
import dev.smalti.network.DiffusionTransformerConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration;
import dev.smalti.prior.sedd.SeddConfiguration.Transitions;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * SEDD as louaaron/Score-Entropy-Discrete-Diffusion publishes it: the model alone, or a checkpoint of training, of which the moving
 * average is taken. Lou et al. 2024. Its tokens are rows, of 1024 as GPT-2's texts unless something else is said: positions turn
 * vectors, so that weights don't depend on the length. The tokens are numbers here: nothing reads or writes text.
 *
 * @param transitions what a lost token becomes, which no shape tells: with masks the last row of the vocabulary is the mask's. A
 *     file's settings may, as {@code graph.type}
 */
record PublishedSedd(Transitions transitions) implements PublishedKind {
    private static final int LENGTH = 1024;
    private static final int HEAD = 64;
    private static final String FIRST = "vocab_embed.embedding";
    private static final String FREQUENCIES = "rotary_emb.inv_freq"; // follow from the shape
    private static final String AVERAGE = "ema.shadow_params.";
    private static final List<String> PREFIXES = List.of("model.", "model.module.", "module.", "");

    private static final List<String> SIGMA = List.of("0.weight", "0.bias", "2.weight", "2.bias");
    private static final List<String> MODULATION = List.of("adaLN_modulation.weight", "adaLN_modulation.bias");
    private static final List<String> BLOCK = joined(
            List.of("norm1.weight", "attn_qkv.weight", "attn_out.weight", "norm2.weight"),
            joined(SIGMA.stream().map("mlp."::concat).toList(), MODULATION));
    private static final List<String> OUTPUT =
            joined(List.of("norm_final.weight", "linear.weight", "linear.bias"), MODULATION);

    private static List<String> joined(List<String> first, List<String> second) {
        return Stream.concat(first.stream(), second.stream()).toList();
    }

    @Override
    public String name() {
        return transitions == Transitions.ABSORB ? "sedd" : "sedd-uniform";
    }

    @Override
    public String title() {
        return transitions == Transitions.ABSORB ? "a SEDD with masks" : "a SEDD with uniform transitions";
    }

    @Override
    public List<String> places() {
        return List.of("");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        String graph = weights.settings().get("graph.type");
        return prefix(weights).isPresent()
                && (graph == null || graph.equals("uniform") == (transitions == Transitions.UNIFORM));
    }

    private static Optional<String> prefix(WeightArchive weights) {
        return PREFIXES.stream()
                .filter(each -> weights.has(each + FIRST)
                        && weights.has(each + "sigma_map.mlp.0.weight")
                        && weights.has(each + "output_layer.linear.weight"))
                .findFirst();
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        String prefix = prefix(weights).orElseThrow();
        WeightArchive model = weights.below(prefix);
        int rows = model.size(FIRST, 0);
        TokenSpace space = new TokenSpace(
                transitions == Transitions.ABSORB ? rows - 1 : rows,
                1,
                asked.sizeOr(whole(weights, "model.length", LENGTH)));
        SeddConfiguration configuration = new SeddConfiguration(
                network(model),
                transitions,
                noise(weights),
                null,
                Optional.ofNullable(weights.settings().get("model.scale_by_sigma"))
                        .map(Boolean::parseBoolean)
                        .orElse(null),
                null,
                null,
                null,
                null);
        return new Translation(
                new Subject.OfPrior(configuration, space, 0),
                origins(weights, model, prefix),
                theirs -> leftOut(theirs));
    }

    private static DiffusionTransformerConfiguration network(WeightArchive model) {
        int width = model.size(FIRST, 1);
        int head = model.has(FREQUENCIES) ? 2 * model.size(FREQUENCIES, 0) : width % HEAD == 0 ? HEAD : width;
        return new DiffusionTransformerConfiguration(
                model.count("blocks.%d.attn_qkv.weight"),
                width,
                whole(model, "model.n_heads", width / head),
                model.size("sigma_map.mlp.0.weight", 0),
                null,
                false,
                null);
    }

    private static Noise noise(WeightArchive weights) {
        if (!"geometric".equals(weights.settings().get("noise.type"))) {
            return null;
        }
        return new Noise(
                Noise.Shape.GEOMETRIC,
                null,
                number(weights, "noise.sigma_min", Double::valueOf, null),
                number(weights, "noise.sigma_max", Double::valueOf, null));
    }

    private static int whole(WeightArchive weights, String key, int otherwise) {
        return number(weights, key, Integer::valueOf, otherwise);
    }

    private static <N extends Number> N number(
            WeightArchive weights, String key, Function<String, N> parse, N otherwise) {
        String value = weights.settings().get(key);
        try {
            return value == null ? otherwise : parse.apply(value);
        } catch (NumberFormatException e) {
            throw new BadFileException(
                    weights.path(), "must have a number as " + key + ", has " + Excerpt.of(value), e);
        }
    }

    /** The moving average, a list in the order of the model's parameters, where there is one; else the model itself. */
    private static Function<String, Origin> origins(WeightArchive weights, WeightArchive model, String prefix) {
        int averages = weights.count(AVERAGE + "%d");
        if (averages == 0) {
            return new Renaming().rule("(.*)", match -> Origin.of(prefix + match.group(1)));
        }
        List<String> parameters = parameters(model.count("blocks.%d.attn_qkv.weight"));
        Map<String, String> place = new HashMap<>();
        for (int i = 0; i < parameters.size(); i++) {
            String name = parameters.get(i);
            if (i >= averages || !Arrays.equals(model.shape(name), weights.shape(AVERAGE + i))) {
                throw new BadFileException(
                        weights.path(),
                        Phrase.of(
                                        "must have a moving average of each of its %d parameters in their order, has %d, and at"
                                                + " %d none of %s, %s")
                                .with(parameters.size(), averages, i, name, Dims.text(model.shape(name))));
            }
            place.put(name, AVERAGE + i);
        }
        return ours -> Origin.of(place.getOrDefault(ours, prefix + ours));
    }

    /** In the order in which their network has them, as lists of parameters do. */
    private static List<String> parameters(int layers) {
        List<String> names = new ArrayList<>(List.of(FIRST));
        names.addAll(SIGMA.stream().map("sigma_map.mlp."::concat).toList());
        for (int i = 0; i < layers; i++) {
            String block = "blocks." + i + ".";
            names.addAll(BLOCK.stream().map(block::concat).toList());
        }
        names.addAll(OUTPUT.stream().map("output_layer."::concat).toList());
        return names;
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.endsWith(FREQUENCIES)
                ? Optional.of("rotary frequencies")
                : theirs.startsWith("optimizer.")
                        ? Optional.of("state of the optimizer")
                        : theirs.startsWith("model.") ? Optional.of("weights before averaging") : Optional.empty();
    }
}
