package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.vqgan.PixelRange;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import dev.smalti.tokenizer.vqgan.VqganLayers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The VQGAN of google-research/maskgit, by flax's names, and as it was brought to PyTorch (open-muse, 1d-tokenizer). Chang et al. 2022,
 * arXiv:2202.04200.
 */
final class MaskgitVqgan implements PublishedKind {
    private static final double ENTROPY = 0.1; // their entropy_loss_ratio
    private static final int BLOCKS = 2; // in the middle as at each resolution

    @Override
    public String name() {
        return "maskgit-vqgan";
    }

    @Override
    public String title() {
        return "a VQGAN of MaskGIT";
    }

    @Override
    public List<String> places() {
        return List.of("params.", "state_dict.", "model.", "");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return flax(weights)
                || weights.has("encoder.mid.0.conv1.weight")
                        && weights.has("encoder.down.0.block.0.conv1.weight")
                        && weights.has("quantize.embedding.weight");
    }

    private static boolean flax(WeightArchive weights) {
        return weights.has("quantizer.codebook") && weights.has("encoder.ResBlock_0.Conv_0.kernel");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int size = asked.sizeOr(TamingVqgan.SIZE);
        return flax(weights) ? ofFlax(weights, size) : ofTorch(weights, size);
    }

    private static Translation ofTorch(WeightArchive weights, int size) {
        Levels levels = Levels.read(
                weights,
                size,
                "encoder.conv_in.weight",
                "encoder.down.%d.block.0.conv1.weight",
                "encoder.down.%d.attn.0.q.weight");
        Renaming names = new Renaming()
                .rule("(.+)\\.mid\\.block_1\\.(.+)", "$1.mid.0.$2")
                .rule("(.+)\\.mid\\.block_2\\.(.+)", "$1.mid.1.$2")
                .rule("(.+)\\.upsample\\.conv\\.(.+)", "$1.upsample_conv.$2");
        int blocks = weights.count("encoder.down.0.block.%d.conv1.weight");
        CodebookConfiguration codes = codes(weights, "quantize.embedding.weight");
        return translation(size, levels.channels(), levels.multipliers(), blocks, codes, names);
    }

    /** Their layers are numbered in the order of computation, with two residual blocks at each resolution and in the middle. */
    private static Translation ofFlax(WeightArchive weights, int size) {
        int levels = weights.count("encoder.ResBlock_%d.Conv_0.kernel") / BLOCKS - 1;
        int channels = weights.size("encoder.Conv_0.kernel", 3); // [k, k, in, out]
        List<Integer> each = new ArrayList<>();
        for (int level = 0; level < levels; level++) {
            each.add(weights.size("encoder.ResBlock_" + BLOCKS * level + ".Conv_0.kernel", 3));
        }
        return translation(
                size,
                channels,
                Levels.multipliers(weights, channels, each),
                BLOCKS,
                codes(weights, "quantizer.codebook"),
                new FlaxNames(levels).renaming());
    }

    /** @param name of the code vectors, [K, D] */
    private static CodebookConfiguration codes(WeightArchive weights, String name) {
        return new CodebookConfiguration(weights.size(name, 0), weights.size(name, 1), Choice.NEAREST, ENTROPY);
    }

    private static Translation translation(
            int size,
            int channels,
            List<Integer> multipliers,
            int blocks,
            CodebookConfiguration codebook,
            Renaming names) {
        VqganConfiguration configuration = new VqganConfiguration(
                size,
                channels,
                multipliers,
                blocks,
                blocks,
                List.of(),
                1,
                codebook.dimension(),
                false,
                true,
                codebook,
                null,
                false,
                null,
                PixelRange.UNIT,
                null,
                VqganLayers.MASKGIT);
        return new Translation(new Subject.OfTokenizer(configuration), names, theirs -> Optional.empty());
    }

    /** Of a VQGAN of so many resolutions. */
    private record FlaxNames(int levels) {
        Renaming renaming() {
            return new Renaming()
                    .rule("quantize\\.embedding\\.weight", "quantizer.codebook")
                    .rule(
                            "(encoder|decoder)\\.norm_out\\.(.+)",
                            match -> norm(match.group(1) + ".GroupNorm_0", match.group(2)))
                    .rule(
                            "(encoder|decoder)\\.conv_in\\.(.+)",
                            match -> convolution(match.group(1) + ".Conv_0", match.group(2)))
                    .rule("encoder\\.conv_out\\.(.+)", match -> convolution("encoder.Conv_1", match.group(1)))
                    .rule("decoder\\.conv_out\\.(.+)", match -> convolution("decoder.Conv_" + levels, match.group(1)))
                    .rule(
                            "decoder\\.up\\.(\\d+)\\.upsample\\.conv\\.(.+)",
                            match -> convolution("decoder.Conv_" + (levels - number(match.group(1))), match.group(2)))
                    .rule(
                            "encoder\\.down\\.(\\d+)\\.block\\.(\\d+)\\.(.+)",
                            match -> block(
                                    "encoder",
                                    BLOCKS * number(match.group(1)) + number(match.group(2)),
                                    match.group(3)))
                    .rule(
                            "decoder\\.up\\.(\\d+)\\.block\\.(\\d+)\\.(.+)",
                            match -> block(
                                    "decoder",
                                    BLOCKS * (levels - number(match.group(1))) + number(match.group(2)),
                                    match.group(3)))
                    .rule(
                            "encoder\\.mid\\.block_(\\d+)\\.(.+)",
                            match -> block("encoder", BLOCKS * levels + number(match.group(1)) - 1, match.group(2)))
                    .rule(
                            "decoder\\.mid\\.block_(\\d+)\\.(.+)",
                            match -> block("decoder", number(match.group(1)) - 1, match.group(2)));
        }

        private static int number(String digits) {
            return Integer.parseInt(digits);
        }

        /** @param part of a residual block of ours, such as {@code norm1.weight} */
        private static Origin block(String half, int index, String part) {
            String block = half + ".ResBlock_" + index + ".";
            String[] parts = part.split("\\.", 2);
            return switch (parts[0]) {
                case "norm1" -> norm(block + "GroupNorm_0", parts[1]);
                case "norm2" -> norm(block + "GroupNorm_1", parts[1]);
                case "conv1" -> convolution(block + "Conv_0", parts[1]);
                case "conv2" -> convolution(block + "Conv_1", parts[1]);
                default -> convolution(block + "Conv_2", parts[1]); // the shortcut
            };
        }

        private static Origin norm(String layer, String part) {
            return Origin.of(layer + (part.equals("weight") ? ".scale" : ".bias"));
        }

        /** Flax has kernels [k, k, in, out]. */
        private static Origin convolution(String layer, String part) {
            return part.equals("weight")
                    ? Origin.of(layer + ".kernel", kernel -> kernel.permute(3, 2, 0, 1))
                    : Origin.of(layer + ".bias");
        }
    }
}
