package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.Optional;

/**
 * VQGAN as CompVis/taming-transformers publishes it, whose names of tensors are ours, with the nearest code or with {@code GumbelVQ}.
 * Esser et al. 2021.
 */
final class TamingVqgan implements PublishedKind {
    static final int SIZE = 256;

    @Override
    public String name() {
        return "taming-vqgan";
    }

    @Override
    public String title() {
        return "a VQGAN of taming-transformers";
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has("encoder.down.0.block.0.conv1.weight")
                && weights.has("encoder.mid.block_1.conv1.weight")
                && Codes.are(weights, "");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        return new Translation(
                new Subject.OfTokenizer(configuration(weights, asked.sizeOr(SIZE), "", "")),
                Codes.names(new Renaming(), weights, ""),
                TamingVqgan::leftOut);
    }

    /**
     * The sizes of a VQGAN under these names.
     *
     * @param before what stands before names of the encoder and of the codebook
     * @param after what stands before names of the decoder
     */
    static VqganConfiguration configuration(WeightArchive weights, int size, String before, String after) {
        Levels levels = Levels.read(
                weights,
                size,
                before + "encoder.conv_in.weight",
                before + "encoder.down.%d.block.0.conv1.weight",
                before + "encoder.down.%d.attn.0.q.weight");
        return new VqganConfiguration(
                size,
                levels.channels(),
                levels.multipliers(),
                weights.count(before + "encoder.down.0.block.%d.conv1.weight"),
                weights.count(after + "decoder.up.0.block.%d.conv1.weight"),
                levels.attention(),
                1,
                weights.size(before + "encoder.conv_out.weight", 0),
                true,
                true,
                Codes.of(weights, before),
                null,
                false,
                null,
                null);
    }

    private static Optional<String> leftOut(String theirs) {
        if (theirs.equals("quantize.used")) {
            return Optional.of("renumbering of codes"); // ours keep the numbers of the whole codebook
        }
        return theirs.startsWith("loss.discriminator.")
                ? Optional.of("discriminator")
                : theirs.startsWith("loss.") ? Optional.of("perceptual loss") : Optional.empty();
    }
}
