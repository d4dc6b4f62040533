package dev.smalti.exchange;

import dev.smalti.network.HaltonTransformerConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration;
import dev.smalti.prior.maskgit.MaskGitConfiguration.Masking;
import dev.smalti.prior.maskgit.MaskGitSampling;
import dev.smalti.prior.maskgit.MaskGitSampling.Order;
import dev.smalti.prior.maskgit.MaskSchedule;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Halton-MaskGIT as valeoai/Halton-MaskGIT publishes it, whose names of tensors are ours. Besnier et al. 2025, arXiv:2503.17076.
 * How many heads there are isn't in the shapes: those of the published widths are known, and others have 64 channels a head.
 */
final class HaltonMaskGit implements PublishedKind {
    private static final Map<Integer, Integer> HEADS = Map.of(384, 6, 512, 6, 768, 12, 1024, 16, 1152, 16); // by width

    @Override
    public String name() {
        return "halton-maskgit";
    }

    @Override
    public String title() {
        return "a Halton-MaskGIT";
    }

    @Override
    public List<String> places() {
        return BesnierMaskGit.PLACES;
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has("cls_emb.weight")
                && weights.has("tok_emb.weight")
                && weights.has("transformer.layers.0.attn.wq.weight")
                && weights.has("last_norm.norm_final.weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int tokens = weights.size("tok_emb.weight", 0); // codes and the mask
        int side = BesnierMaskGit.side(weights.size("pos_emb.weight", 0), "pos_emb.weight");
        MaskGitConfiguration configuration = new MaskGitConfiguration(
                network(weights),
                MaskSchedule.ARCCOS,
                null,
                Masking.INDEPENDENT,
                0.0,
                1.0,
                new MaskGitSampling(null, null, null, Order.HALTON, null, null),
                null,
                null);
        return new Translation(
                new Subject.OfPrior(
                        configuration, new TokenSpace(tokens - 1, side, side), weights.size("cls_emb.weight", 0) - 1),
                origins(weights),
                HaltonMaskGit::leftOut);
    }

    private static HaltonTransformerConfiguration network(WeightArchive weights) {
        int width = weights.size("tok_emb.weight", 1);
        int hidden = weights.size("transformer.layers.0.ff.w1.weight", 0);
        boolean usual = hidden == (8L * width / 3 + 255) / 256 * 256;
        return new HaltonTransformerConfiguration(
                weights.count("transformer.layers.%d.attn.wq.weight"),
                width,
                heads(width, weights.size("transformer.layers.0.attn.wq.weight", 0)),
                usual ? null : Math.toIntExact(hidden * 3L / 2),
                registers(weights),
                weights.has("in_proj.weight") ? 2 : 1,
                null);
    }

    /** @param rows of the queries of all heads together, ⌊D / heads⌋ each, which rules some out */
    private static int heads(int width, long rows) {
        int published = HEADS.getOrDefault(width, 1);
        return HEADS.containsKey(width) && published * (width / published) == rows
                ? published
                : Math.max(1, width / 64);
    }

    private static int registers(WeightArchive weights) {
        return weights.has("reg_tokens.weight") ? weights.size("reg_tokens.weight", 0) : 0;
    }

    /** Without registers theirs has no table of them, and ours an empty one. */
    private static Renaming origins(WeightArchive weights) {
        Renaming names = new Renaming();
        return registers(weights) > 0
                ? names
                : names.rule("reg_tokens\\.weight", any -> Origin.of("pos_emb.weight", HaltonMaskGit::none));
    }

    /** [L, D] -> [0, D] */
    private static Tensor none(Tensor positions) {
        return positions.narrow(0, 0, 0);
    }

    private static Optional<String> leftOut(String theirs) {
        return theirs.equals("head.weight") ? Optional.of("tied head") : Optional.empty();
    }
}
