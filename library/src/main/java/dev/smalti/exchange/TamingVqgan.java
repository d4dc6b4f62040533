package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** VQGAN as CompVis/taming-transformers publishes it, whose names of tensors are ours. Esser et al. 2021. */
final class TamingVqgan implements PublishedKind {
    private static final int SIZE = 256;

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
        return weights.has("encoder.down.0.block.0.conv1.weight") && weights.has("quantize.embedding.weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int size = asked.sizeOr(SIZE);
        int channels = (int) weights.shape("encoder.conv_in.weight")[0];
        int levels = weights.count("encoder.down.%d.block.0.conv1.weight");
        List<Integer> multipliers = new ArrayList<>();
        List<Integer> attention = new ArrayList<>();
        for (int level = 0; level < levels; level++) {
            long out = weights.shape("encoder.down." + level + ".block.0.conv1.weight")[0];
            multipliers.add((int) (out / channels));
            if (weights.has("encoder.down." + level + ".attn.0.q.weight")) {
                attention.add(size >> level);
            }
        }
        long[] codes = weights.shape("quantize.embedding.weight");
        VqganConfiguration configuration = new VqganConfiguration(
                size,
                channels,
                multipliers,
                weights.count("encoder.down.0.block.%d.conv1.weight"),
                weights.count("decoder.up.0.block.%d.conv1.weight"),
                attention,
                1,
                (int) weights.shape("encoder.conv_out.weight")[0],
                true,
                true,
                new CodebookConfiguration((int) codes[0], (int) codes[1], Update.GRADIENT, 0.25, true, null, null),
                null,
                false,
                null,
                null);
        return new Translation(new Subject.OfTokenizer(configuration), new Renaming(), TamingVqgan::leftOut);
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.startsWith("loss.discriminator.")
                ? Optional.of("discriminator")
                : theirs.startsWith("loss.") ? Optional.of("perceptual loss") : Optional.empty();
    }
}
