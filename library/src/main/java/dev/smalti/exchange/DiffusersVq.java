package dev.smalti.exchange;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.tokenizer.vqgan.VqganLayers;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * {@code VQModel} of huggingface/diffusers: a VQGAN whose attention is made of linear layers. Its names, and those of its attention
 * before version 0.17. The codebook's loss is the one with β on the codebook's term.
 */
final class DiffusersVq implements PublishedKind {
    private static final String BLOCK = "encoder.down_blocks.%d.resnets.0.conv1.weight";
    private static final String CODES = "quantize.embedding.weight";
    private static final int UNSAID =
            32; // sample_size where nobody set it, and no size that such a model is trained on

    /** What else {@code config.json} may say, and the only value that ours computes. */
    private static final Map<String, String> KNOWN =
            Map.of("norm_type", "group", "act_fn", "silu", "norm_num_groups", "32");

    @Override
    public String name() {
        return "diffusers-vq";
    }

    @Override
    public String title() {
        return "a VQModel of diffusers";
    }

    @Override
    public List<String> places() {
        return List.of("", "state_dict.");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has(BLOCK.replace("%d", "0")) && weights.has(CODES);
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        check(weights);
        VqganConfiguration configuration = configuration(weights, asked.sizeOr(size(weights.settings())));
        boolean older = weights.has("encoder.mid_block.attentions.0.query.weight");
        Function<String, Origin> names = names(configuration.multipliers().size(), older);
        return new Translation(new Subject.OfTokenizer(configuration), names, theirs -> Optional.empty());
    }

    /** Refuses what would be computed otherwise than by ours. */
    private static void check(WeightArchive weights) {
        KNOWN.forEach((key, value) -> {
            String said = weights.settings().getOrDefault(key, value);
            if (!said.equals(value)) {
                throw new BadFileException(
                        weights.path(),
                        "must have " + key + " " + value + " to be computed here, has " + Excerpt.of(said));
            }
        });
        if (weights.has("decoder.mid_block.resnets.0.norm1.conv_y.weight")) {
            throw new BadFileException(
                    weights.path(), "must have norm_type group to be computed here, has spatial norms (a MoVQ)");
        }
    }

    private static int size(Map<String, String> settings) {
        try {
            int said = Integer.parseInt(settings.getOrDefault("sample_size", ""));
            return said == UNSAID ? TamingVqgan.SIZE : said;
        } catch (NumberFormatException e) {
            return TamingVqgan.SIZE;
        }
    }

    private static VqganConfiguration configuration(WeightArchive weights, int size) {
        String attention = weights.has("encoder.mid_block.attentions.0.query.weight") ? "query" : "to_q";
        Levels levels = Levels.read(
                weights,
                size,
                "encoder.conv_in.weight",
                BLOCK,
                "encoder.down_blocks.%d.attentions.0." + attention + ".weight");
        boolean middle = weights.has("encoder.mid_block.attentions.0.group_norm.weight");
        return new VqganConfiguration(
                size,
                levels.channels(),
                levels.multipliers(),
                weights.count("encoder.down_blocks.0.resnets.%d.conv1.weight"),
                weights.count("decoder.up_blocks.0.resnets.%d.conv1.weight"),
                levels.attention(),
                1,
                weights.size("encoder.conv_out.weight", 0),
                true,
                true,
                new CodebookConfiguration(
                        weights.size(CODES, 0), weights.size(CODES, 1), Update.GRADIENT, 0.25, true, null, null),
                null,
                false,
                null,
                null,
                null,
                new VqganLayers(middle, null, null, null, null));
    }

    /** A linear layer is a 1×1 convolution: [C, C] -> [C, C, 1, 1]. */
    private static Function<String, Origin> names(int levels, boolean older) {
        DiffusersNames names = new DiffusersNames(levels);
        return ours -> {
            String theirs = older ? older(names.theirs(ours)) : names.theirs(ours);
            return names.linear(ours)
                    ? Origin.of(
                            theirs,
                            tensor -> tensor.dim() == 2 ? tensor.unsqueeze(2).unsqueeze(3) : tensor)
                    : Origin.of(theirs);
        };
    }

    /** What attention was called before version 0.17. */
    private static String older(String name) {
        return name.replaceFirst("\\.to_q\\.", ".query.")
                .replaceFirst("\\.to_k\\.", ".key.")
                .replaceFirst("\\.to_v\\.", ".value.")
                .replaceFirst("\\.to_out\\.0\\.", ".proj_attn.");
    }
}
