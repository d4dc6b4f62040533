package dev.smalti.exchange;

import dev.smalti.corruption.Schedule;
import dev.smalti.network.TransformerConfiguration;
import dev.smalti.prior.PriorConfiguration;
import dev.smalti.prior.absorbing.AbsorbingConfiguration;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.Optional;

/**
 * The priors of samb-t/unleashing-transformers. Bond-Taylor et al. 2022. Their files don't say how many heads there are: one for 64
 * channels, as the published ones have.
 */
record UnleashingTransformer(Method method) implements PublishedKind {
    private static final int HEAD = 64;

    /** What the network is for, and what is before its names. */
    enum Method {
        ABSORBING("_denoise_fn.", "an absorbing diffusion of unleashing-transformers"),
        AUTOREGRESSIVE("net.", "an autoregressive transformer of unleashing-transformers");

        private final String prefix;
        private final String title;

        Method(String prefix, String title) {
            this.prefix = prefix;
            this.title = title;
        }
    }

    @Override
    public String name() {
        return method == Method.ABSORBING ? "unleashing-absorbing" : "unleashing-autoregressive";
    }

    @Override
    public String title() {
        return method.title;
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has(method.prefix + "pos_emb") && weights.has(method.prefix + "tok_emb.weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int width = weights.size(method.prefix + "tok_emb.weight", 1);
        TransformerConfiguration network = new TransformerConfiguration(
                weights.count(method.prefix + "blocks.%d.ln1.weight"),
                width,
                width % HEAD == 0 ? width / HEAD : 1,
                null);
        int codes = weights.size(method.prefix + "head.weight", 0);
        int length = weights.size(method.prefix + "pos_emb", 1);
        int side = (int) Math.round(Math.sqrt(length));
        TokenSpace space = side * side == length ? new TokenSpace(codes, side, side) : new TokenSpace(codes, 1, length);
        return new Translation(
                new Subject.OfPrior(configuration(weights, network), space, 0),
                SeparateAttention.rules(new Renaming(), method.prefix),
                this::leftOut);
    }

    private PriorConfiguration configuration(WeightArchive weights, TransformerConfiguration network) {
        if (method == Method.AUTOREGRESSIVE) {
            return new AutoregressiveConfiguration(network, null, null);
        }
        Integer steps =
                weights.has("Lt_history") ? weights.length("Lt_history", Schedule.MOST_STEPS + 1) - 1 : null; // of 0..T
        return new AbsorbingConfiguration(
                network, steps, AbsorbingConfiguration.Loss.REWEIGHTED_ELBO_AS_RELEASED, null, null, null);
    }

    private Optional<String> leftOut(String theirs) {
        return switch (theirs) {
            case "Lt_history", "Lt_count", "loss_history" -> Optional.of("history of losses");
            case "embedding_weight" -> Optional.of("code vectors of the tokenizer");
            case "_denoise_fn.start_tok" -> Optional.of("start token that it doesn't read");
            default -> theirs.endsWith(".attn.mask") ? Optional.of("causal masks") : Optional.empty();
        };
    }
}
