package dev.smalti.exchange;

import dev.smalti.network.BesnierTransformerConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.maskgit.MaskGitSampling;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.maskgit.MaskSchedule;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Optional;

/**
 * MaskGIT as valeoai/Maskgit-pytorch publishes it, before Halton-MaskGIT. Besnier and Chen 2023, arXiv:2310.14400.
 *
 * <p>One table holds the codes, the mask, the classes and no class, so the shapes don't say how many of these are classes: as many as
 * have names, or else the 1,000 of ImageNet; what is left must be the tokenizer's codes, or a power of two where none is given. How many heads there are they don't say either: the published one has 16.
 */
final class BesnierMaskGit implements PublishedKind {
    /** Where their trainer puts the weights, with what compiling and training on many devices puts before their names. */
    static final List<String> PLACES = List.of(
            "model_state_dict.",
            "model_state_dict.module._orig_mod.",
            "model_state_dict.module.",
            "model_state_dict._orig_mod.",
            "",
            "module._orig_mod.",
            "module.",
            "_orig_mod.");

    private static final int CLASSES = 1_000;
    private static final int WIDTH = 768;
    private static final int HEADS = 16;
    private static final String BLOCK = "(transformer\\.layers\\.\\d+)\\.";

    @Override
    public String name() {
        return "besnier-maskgit";
    }

    @Override
    public String title() {
        return "a MaskGIT of Maskgit-pytorch";
    }

    @Override
    public List<String> places() {
        return PLACES;
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has("tok_emb.weight")
                && weights.has("first_layer.0.weight")
                && weights.has("transformer.layers.0.0.fn.mha.in_proj_weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int classes =
                asked.classNames().isEmpty() ? CLASSES : asked.classNames().size();
        int codes = codes(weights.size("tok_emb.weight", 0), classes, asked.codes());
        int width = weights.size("tok_emb.weight", 1);
        int side = side(weights.size("pos_emb", 1) - 1, "pos_emb without the class");
        MaskGitConfiguration configuration = new MaskGitConfiguration(
                new BesnierTransformerConfiguration(
                        weights.count("transformer.layers.%d.0.norm.weight"),
                        width,
                        width == WIDTH ? HEADS : Math.max(1, width / 64),
                        0.1,
                        null),
                MaskSchedule.ARCCOS,
                null,
                Masking.INDEPENDENT,
                0.1,
                1.0,
                sampling(side),
                null,
                null);
        return new Translation(
                new Subject.OfPrior(configuration, new TokenSpace(codes, side, side), classes),
                origins(),
                theirs -> Optional.empty());
    }

    /**
     * What is left of the table's rows: any number of classes leaves some, but codebooks have a power of two.
     *
     * @param tokenizers codes of the tokenizer; null without one
     */
    private static int codes(int rows, int classes, Integer tokenizers) {
        int codes = rows - 1 - classes - 1;
        boolean likely = tokenizers == null ? Integer.bitCount(codes) == 1 : codes == tokenizers;
        if (codes < 2 || !likely) {
            throw new IllegalArgumentException(
                    Phrase.of("tok_emb.weight must have a row for each code, the mask, each of %d classes and no class,"
                                    + " has %d rows, and %s: name the classes that there are, by --classes")
                            .with(classes, rows, left(codes, tokenizers)));
        }
        return codes;
    }

    private static String left(int codes, Integer tokenizers) {
        String rule = tokenizers == null
                ? "are no power of two (of another number of codes, give the --tokenizer)"
                : Phrase.of("are not the %d of the tokenizer").with(tokenizers);
        return codes < 2
                ? "none are left for codes"
                : Phrase.of("the %d left for codes %s").with(codes, rule);
    }

    /** As they evaluate their models of 256 and of 512 pixels. */
    private static MaskGitSampling sampling(int side) {
        return side < 32
                ? new MaskGitSampling(null, MaskSchedule.ARCCOS, null, Order.CONFIDENCE, 4.5, null)
                : new MaskGitSampling(15, MaskSchedule.ARCCOS, null, Order.CONFIDENCE, 7.0, null);
    }

    private static Renaming origins() {
        return new Renaming()
                .rule(BLOCK + "ln1\\.(.*)", "$1.0.norm.$2")
                .rule(BLOCK + "attn\\.qkv\\.(.*)", "$1.0.fn.mha.in_proj_$2")
                .rule(BLOCK + "attn\\.proj\\.(.*)", "$1.0.fn.mha.out_proj.$2")
                .rule(BLOCK + "ln2\\.(.*)", "$1.1.norm.$2")
                .rule(BLOCK + "mlp\\.0\\.(.*)", "$1.1.fn.net.0.$2")
                .rule(BLOCK + "mlp\\.2\\.(.*)", "$1.1.fn.net.3.$2");
    }

    /** The side of a square grid of so many tokens. */
    static int side(long length, String tensor) {
        int side = (int) Math.round(Math.sqrt(length));
        if ((long) side * side != length) {
            throw new IllegalArgumentException(Phrase.of("%s must have a row for each token of a square grid, has %d")
                    .with(tensor, length));
        }
        return side;
    }
}
