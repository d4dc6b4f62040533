package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.vqgan.PixelRange;
import dev.smalti.tokenizer.vqgan.VqganConfiguration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * VQGAN as samb-t/unleashing-transformers publishes it, whose layers are numbered in the order of computation. Bond-Taylor et al.
 * 2022, arXiv:2111.12701.
 */
final class UnleashingVqgan implements PublishedKind {
    @Override
    public String name() {
        return "unleashing-vqgan";
    }

    @Override
    public String title() {
        return "a VQGAN of unleashing-transformers";
    }

    @Override
    public List<String> places() {
        return List.of("", "state_dict.");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        String prefix = prefix(weights);
        return weights.has(prefix + "encoder.blocks.0.weight")
                && weights.has(prefix + "generator.blocks.0.weight")
                && Codes.are(weights, prefix);
    }

    /** Of the autoencoder; the discriminator is beside it. */
    private static String prefix(WeightArchive weights) {
        return weights.has("ae.encoder.blocks.0.weight") ? "ae." : "";
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        String prefix = prefix(weights);
        NumberedBlocks encoder = NumberedBlocks.ofEncoder(weights, prefix + "encoder.blocks.");
        NumberedBlocks decoder = NumberedBlocks.ofDecoder(weights, prefix + "generator.blocks.");
        Map<String, String> layers = new LinkedHashMap<>();
        encoder.layers().forEach((ours, theirs) -> layers.put("encoder." + ours, theirs));
        decoder.layers().forEach((ours, theirs) -> layers.put("decoder." + ours, theirs));
        Renaming names = Codes.names(new Renaming(), weights, prefix)
                .rule("quantize\\.(.+)", prefix + "quantize.$1")
                .rule("logsigma\\.(.+)", prefix + "generator.logsigma.$1")
                .rule("(?:encoder|decoder)\\..+", match -> layer(layers, match.group()));
        return new Translation(
                new Subject.OfTokenizer(
                        configuration(weights, prefix, encoder, decoder, asked.sizeOr(TamingVqgan.SIZE))),
                names,
                theirs -> leftOut(theirs, prefix));
    }

    /** @param layers of theirs, by those of ours */
    private static Origin layer(Map<String, String> layers, String ours) {
        return layers.keySet().stream()
                .filter(layer -> ours.startsWith(layer + "."))
                .findFirst()
                .map(layer -> Origin.of(
                        layers.get(layer) + ours.substring(layer.length()).replace(".nin_shortcut.", ".conv_out.")))
                .orElseGet(() -> Origin.of(ours));
    }

    private static VqganConfiguration configuration(
            WeightArchive weights, String prefix, NumberedBlocks encoder, NumberedBlocks decoder, int size) {
        int channels = weights.size(prefix + "encoder.blocks.0.weight", 0);
        List<Integer> each = encoder.first().stream()
                .map(block -> weights.size(block + ".conv1.weight", 0))
                .toList();
        return new VqganConfiguration(
                size,
                channels,
                Levels.multipliers(weights, channels, each),
                encoder.blocks(),
                decoder.blocks(),
                encoder.attention().stream().map(level -> size >> level).toList(),
                1,
                null,
                false,
                false,
                Codes.of(weights, prefix),
                null,
                weights.has(prefix + "generator.logsigma.0.weight"),
                null,
                PixelRange.UNIT);
    }

    private static Optional<String> leftOut(String theirs, String prefix) {
        if (theirs.startsWith("disc.")) {
            return Optional.of("discriminator");
        }
        if (theirs.startsWith("perceptual.")) {
            return Optional.of("perceptual loss");
        }
        if (theirs.startsWith(prefix + "generator.logsigma.")) {
            return Optional.of("pixel likelihood"); // where an override asks for none
        }
        return theirs.matches(".+\\.blocks\\.\\d+\\.conv_out\\.\\w+")
                ? Optional.of("unused shortcut")
                : Optional.empty();
    }
}
