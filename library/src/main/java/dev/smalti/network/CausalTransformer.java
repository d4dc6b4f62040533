package dev.smalti.network;

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
public final class CausalTransformer implements CausalNetwork {
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

    @Override
    public Tensor logits(Tensor x, Tensor label) {
        Work.pass(x.size(0));
        Tensor before = torch.embedding(tokens, x.narrow(1, 0, x.size(1) - 1)); // [B, n - 1, D]
        Tensor first = start.expand(x.size(0), 1, -1); // [B, 1, D]
        Tensor y = embed(Tensors.cat(1, first, before), 0, label); // [B, n, D]
        y = Block.all(blocks, parameters, y, true);
        return head.forward(last.forward(y.reshape(-1, configuration.width())));
    }

    @Override
    public Tensor next(Tensor previous, Tensor label, KeyValueCache cache) {
        Work.pass(cache.grids());
        Tensor token = previous == null
                ? start.expand(cache.grids(), 1, -1)
                : torch.embedding(tokens, previous).unsqueeze(1); // [B, 1, D]
        Tensor y = embed(token, cache.seen(), label);
        for (int i = 0; i < blocks.size(); i++) {
            y = blocks.get(i).forward(y, cache.keys(i), cache.values(i), cache.seen());
        }
        cache.grow();
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

    @Override
    public KeyValueCache cache(long grids) {
        long heads = configuration.heads();
        return new KeyValueCache(parameters, blocks.size(), grids, heads, length, configuration.width() / heads);
    }
}
