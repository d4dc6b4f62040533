package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The blocks of {@link Transformer} with a causal mask: it guesses each token from those before it. What goes in is a
 * learnt start token and then all tokens but the last, with learnt positions.
 *
 * <p>A class enters as one more learnt vector that is added at every position; the last of its table stands for no class.
 *
 * <p>Letters: B batch, L tokens of a grid, n ≤ L tokens given, D width, H heads, d = D / H, K vocabulary.
 */
public final class CausalTransformer {
    private final Parameters parameters;
    private final TransformerConfiguration configuration;
    private final long length;
    private final Tensor positions;
    private final Tensor tokens;
    private final Tensor classes;
    private final Tensor start;
    private final Dropout dropout;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm last;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public CausalTransformer(Parameters parameters, TransformerConfiguration configuration, NetworkShape shape) {
        this.parameters = parameters;
        this.configuration = configuration;
        this.length = shape.length();
        this.dropout = new Dropout(parameters, configuration.dropout());
        long width = configuration.width();
        double deviation = configuration.deviation();
        this.positions = parameters.normal("pos_emb", deviation, 1, length, width);
        this.tokens = parameters.child("tok_emb").normal("weight", deviation, shape.inputs(), width);
        this.classes = shape.classes() == 0
                ? null
                : parameters.child("cls_emb").normal("weight", deviation, shape.classes() + 1, width);
        this.start = parameters.normal("start_tok", deviation, 1, 1, width);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i), configuration));
        }
        this.last = new LayerNorm(parameters.child("ln_f"), width);
        this.head = Linear.head(parameters.child("head"), width, shape, false, deviation);
    }

    /**
     * Logits of the first n tokens, each given those before it.
     *
     * @param x int64 [B, n]
     * @param label classes, int64 [B], the number of classes where dropped; null for an unconditional network
     * @return [B·n, K]
     */
    public Tensor logits(Tensor x, Tensor label) {
        Work.pass(x.size(0));
        Tensor before = torch.embedding(tokens, x.narrow(1, 0, x.size(1) - 1)); // [B, n - 1, D]
        Tensor first = start.expand(x.size(0), 1, -1); // [B, 1, D]
        Tensor y = embed(Tensors.cat(1, first, before), 0, label); // [B, n, D]
        y = Block.all(blocks, parameters, y, true);
        return head.forward(last.forward(y.reshape(-1, configuration.width())));
    }

    /**
     * Logits of the next token, given those that the cache has seen.
     *
     * @param previous the token before it, int64 [B]; null if it is the first
     * @param label as in {@link #logits}
     * @param cache of B grids, to which {@code previous} is added
     * @return [B, K]
     */
    public Tensor next(Tensor previous, Tensor label, Cache cache) {
        Work.pass(cache.grids);
        Tensor token = previous == null
                ? start.expand(cache.grids, 1, -1)
                : torch.embedding(tokens, previous).unsqueeze(1); // [B, 1, D]
        Tensor y = embed(token, cache.seen, label);
        for (int i = 0; i < blocks.size(); i++) {
            y = blocks.get(i).forward(y, cache.keys.get(i), cache.values.get(i), cache.seen);
        }
        cache.seen++;
        return head.forward(last.forward(y.squeeze(1)));
    }

    /** x [B, n, D] at the positions from {@code from} -> the same */
    private Tensor embed(Tensor x, long from, Tensor label) {
        Tensor y = x.add(positions.narrow(1, from, x.size(1)));
        if (classes != null) {
            y = y.add(torch.embedding(classes, label).unsqueeze(1));
        }
        return dropout.forward(y);
    }

    /** Room for the keys and values of {@code grids} grids, none of which has been seen; belongs to the current scope. */
    public Cache cache(long grids) {
        return new Cache(grids);
    }

    /** Keys and values of the tokens that {@link #next} has seen, so that each is computed once. */
    public final class Cache {
        private final long grids;
        private final List<Tensor> keys = new ArrayList<>();
        private final List<Tensor> values = new ArrayList<>();
        private long seen;

        private Cache(long grids) {
            this.grids = grids;
            for (int i = 0; i < blocks.size(); i++) {
                keys.add(room());
                values.add(room());
            }
        }

        private Tensor room() { // [B, H, L, d]
            long heads = configuration.heads();
            return torch.empty(
                    new long[] {grids, heads, length, configuration.width() / heads},
                    Tensors.options(Precision.products(parameters.device()), parameters.device()),
                    null);
        }
    }
}
