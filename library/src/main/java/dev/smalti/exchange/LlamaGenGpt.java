package dev.smalti.exchange;

import dev.smalti.network.CausalLlamaConfiguration;
import dev.smalti.prior.autoregressive.AutoregressiveConfiguration;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.WeightArchive;
import dev.smalti.token.TokenSpace;
import java.util.List;
import java.util.Optional;

/**
 * The class-conditional transformer of FoundationVision/LlamaGen, whose names of tensors are ours. Sun et al. 2024,
 * arXiv:2406.06525.
 *
 * <p>The size of the grid isn't in the file, since positions are rotations: it is that of images of 256 × 256 at a sixteenth, unless
 * another size is asked for, such as the 384 of their larger models. Nor are the heads: as published, 64 channels each, or 100 at a
 * width of 3200.
 */
final class LlamaGenGpt implements PublishedKind {
    private static final int SIZE = 256;
    private static final int SIDES = 16; // pixels of a token's side
    private static final String CLASSES = "cls_embedding.embedding_table.weight";
    private static final String FIRST = "layers.0.";

    @Override
    public String name() {
        return "llamagen-gpt";
    }

    @Override
    public String title() {
        return "a class-conditional transformer of LlamaGen";
    }

    /** As their training with DDP, with DeepSpeed, and with FSDP leaves them. */
    @Override
    public List<String> places() {
        return List.of("model.", "module.", "state_dict.", "", "model._orig_mod.", "ema.");
    }

    @Override
    public boolean recognises(WeightArchive weights) {
        return weights.has("tok_embeddings.weight")
                && weights.has(CLASSES)
                && weights.has(FIRST + "attention.wqkv.weight");
    }

    @Override
    public Translation translate(WeightArchive weights, Asked asked) {
        int size = asked.sizeOr(SIZE);
        if (size < SIDES || size % SIDES != 0) {
            throw new JobException(Phrase.of("size must be a multiple of %d, the pixels of a token's side, got %d")
                    .with(SIDES, size));
        }
        int codes = weights.size("tok_embeddings.weight", 0);
        return new Translation(
                new Subject.OfPrior(
                        new AutoregressiveConfiguration(network(weights), null, null),
                        new TokenSpace(codes, size / SIDES, size / SIDES),
                        weights.size(CLASSES, 0) - 1),
                new Renaming(),
                LlamaGenGpt::leftOut);
    }

    private static CausalLlamaConfiguration network(WeightArchive weights) {
        int width = weights.size("tok_embeddings.weight", 1);
        int heads = width == 3200 ? 32 : Math.max(1, width / 64);
        return new CausalLlamaConfiguration(
                weights.count("layers.%d.attention.wqkv.weight"),
                width,
                heads,
                keyValueHeads(weights.size(FIRST + "attention.wqkv.weight", 0), width, heads),
                weights.size(FIRST + "feed_forward.w1.weight", 0),
                0.1,
                null);
    }

    /** Null, for as many as heads, where {@code rows} of queries, keys and values are of no other number that divides them. */
    private static Integer keyValueHeads(long rows, int width, int heads) {
        long channels = width / heads;
        int found = (int) ((rows - width) / 2 / channels);
        return found > 0 && heads % found == 0 && width + 2 * found * channels == rows ? found : null;
    }

    /** What some versions keep of their rotations and of what they drew. */
    private static Optional<String> leftOut(String theirs) {
        return theirs.equals("freqs_cis")
                ? Optional.of("rotations")
                : theirs.contains(".kv_cache.") ? Optional.of("cache") : Optional.empty();
    }
}
