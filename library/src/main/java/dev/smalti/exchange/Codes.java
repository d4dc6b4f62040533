package dev.smalti.exchange;

import dev.smalti.tensor.WeightArchive;
import dev.smalti.tokenizer.quantize.CodebookConfiguration;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Choice;
import dev.smalti.tokenizer.quantize.CodebookConfiguration.Update;

/** The two codebooks of taming-transformers and of those who built on it: by distance, and by a projection (GumbelVQ). */
final class Codes {
    private static final String NEAREST = "quantize.embedding.weight"; // [K, D]
    private static final String PROJECTED = "quantize.embed.weight"; // [K, D]

    private Codes() {}

    /** Whether there is one. */
    static boolean are(WeightArchive weights, String prefix) {
        return weights.has(prefix + NEAREST) || weights.has(prefix + PROJECTED);
    }

    /** Its sizes, and how it chooses; by distance with β on the codebook's term, as all of these were trained. */
    static CodebookConfiguration of(WeightArchive weights, String prefix) {
        boolean projected = weights.has(prefix + PROJECTED);
        String name = prefix + (projected ? PROJECTED : NEAREST);
        int codes = weights.size(name, 0);
        int dimension = weights.size(name, 1);
        return projected
                ? new CodebookConfiguration(codes, dimension, Choice.PROJECTION, null)
                : new CodebookConfiguration(codes, dimension, Update.GRADIENT, 0.25, true, null, null);
    }

    /** Adds their names of what {@link #of} says. */
    static Renaming names(Renaming names, WeightArchive weights, String prefix) {
        return weights.has(prefix + PROJECTED)
                ? names.rule("quantize\\.embedding\\.(.+)", prefix + "quantize.embed.$1")
                : names;
    }
}
