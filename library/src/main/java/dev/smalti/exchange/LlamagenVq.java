package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.List;
import java.util.Optional;

/**
 * The tokenizer of FoundationVision/LlamaGen, VQ-16 and VQ-8: a VQGAN whose codes are directions. Sun et al. 2024, arXiv:2406.06525.
 * That its codes are normalised isn't in the file; all that were released are.
 */
final class LlamagenVq implements PublishedKind {
    private static final String CODES = "quantize.embedding.weight";
    private static final String BLOCK = "encoder.conv_blocks.%d.res.0.conv1.weight";

    @Override
    public String name() {
        return "llamagen-vq";
    }

    @Override
    public String title() {
        return "a tokenizer of LlamaGen";
    }

    @Override
    public List<String> places() {
        return List.of("ema.", "model.", "state_dict.", "");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has(BLOCK.replace("%d", "0")) && weights.has(CODES);
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int levels = weights.count(BLOCK);
        Renaming names = new Renaming()
                .rule("encoder\\.down\\.(\\d+)\\.block\\.(.+)", "encoder.conv_blocks.$1.res.$2")
                .rule("encoder\\.down\\.(.+)", "encoder.conv_blocks.$1")
                .rule(
                        "decoder\\.up\\.(\\d+)\\.(block\\.)?(.+)",
                        match -> Origin.of("decoder.conv_blocks."
                                + (levels - 1 - Integer.parseInt(match.group(1))) // the lowest resolution first
                                + (match.group(2) == null ? "." : ".res.")
                                + match.group(3)))
                .rule("(.+)\\.mid\\.block_1\\.(.+)", "$1.mid.0.$2")
                .rule("(.+)\\.mid\\.attn_1\\.(.+)", "$1.mid.1.$2")
                .rule("(.+)\\.mid\\.block_2\\.(.+)", "$1.mid.2.$2");
        return new Translation(
                new Subject.OfTokenizer(configuration(weights, levels, asked.sizeOr(TamingVqgan.SIZE))),
                names,
                LlamagenVq::leftOut);
    }

    private static VqganConfiguration configuration(WeightArchive weights, int count, int size) {
        Levels levels =
                Levels.read(weights, size, "encoder.conv_in.weight", BLOCK, "encoder.conv_blocks.%d.attn.0.q.weight");
        return new VqganConfiguration(
                size,
                levels.channels(),
                levels.multipliers(),
                weights.count("encoder.conv_blocks.0.res.%d.conv1.weight"),
                weights.count("decoder.conv_blocks." + (count - 1) + ".res.%d.conv1.weight"),
                levels.attention(),
                1,
                weights.size("encoder.conv_out.weight", 0),
                true,
                true,
                new CodebookConfiguration(weights.size(CODES, 0), weights.size(CODES, 1), Choice.COSINE, null),
                null,
                false,
                null,
                null);
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.equals("quantize.codebook_used") ? Optional.of("usage of codes") : Optional.empty();
    }
}
