package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * LlamaGen's class-conditional transformer, Sun et al. 2024, arXiv:2406.06525: Llama's blocks (Touvron et al. 2023,
 * arXiv:2302.13971: root mean square norms, SwiGLU, no biases) with a causal mask. What goes in is a learnt vector of the class, of
 * which the last stands for no class, and then all tokens but the last. Its tensors are named as in the published checkpoints.
 *
 * <p>Row and column turn queries and keys ({@link Rotary#afterClass}). The class has no place: the released code multiplies its
 * queries and keys by zeros, and not by the one of a rotation by 0, so that every token sees it with a score of 0 and takes its
 * value alone. The weights were trained so, and it is kept.
 *
 * <p>The head starts at zero, so that every logit does.
 *
 * <p>Letters: B batch, L tokens of a grid, n ≤ L tokens given, D width, H heads, G heads of keys and values, d = D / H, K vocabulary.
 */
public final class CausalLlama implements CausalNetwork {
    private final Parameters parameters;
    private final CausalLlamaConfiguration configuration;
    private final long length;
    private final long heads;
    private final long shared;
    private final long channels;
    private final Dropout dropout;
    private final Tensor classes;
    private final Tensor tokens;
    private final Rotary rotary;
    private final List<Block> blocks = new ArrayList<>();
    private final RmsNorm last;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public CausalLlama(Parameters parameters, CausalLlamaConfiguration configuration, NetworkShape shape) {
        this.parameters = parameters;
        this.configuration = configuration;
        this.length = shape.length();
        this.heads = configuration.heads();
        this.shared = configuration.keyValueHeads();
        this.channels = configuration.width() / heads;
        this.dropout = new Dropout(parameters, configuration.dropout());
        long width = configuration.width();
        double deviation = configuration.deviation();
        this.classes = parameters
                .child("cls_embedding")
                .child("embedding_table")
                .normal("weight", deviation, shape.classes() + 1, width);
        this.tokens = parameters.child("tok_embeddings").normal("weight", deviation, shape.inputs(), width);
        this.rotary = Rotary.afterClass(parameters, shape.height(), shape.width(), channels);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("layers").child(i)));
        }
        this.last = new RmsNorm(parameters.child("norm"), width, false);
        this.head = Linear.head(parameters.child("output"), width, shape, false, 0);
    }

    @Override
    public Tensor logits(Tensor x, Tensor label) {
        Work.pass(x.size(0));
        Tensor known = label == null ? x.select(1, 0).mul(new Scalar(0)) : label; // [B]
        Tensor before = torch.embedding(tokens, x.narrow(1, 0, x.size(1) - 1)); // [B, n - 1, D]
        Tensor y =
                dropout.forward(Tensors.cat(1, torch.embedding(classes, known).unsqueeze(1), before)); // [B, n, D]
        y = Stack.forward(parameters, blocks, y, null, (block, each, nothing) -> block.forward(each));
        return head.forward(last.forward(y.reshape(-1, configuration.width())));
    }

    @Override
    public Tensor next(Tensor previous, Tensor label, KeyValueCache cache) {
        Work.pass(cache.grids());
        Tensor token = previous == null ? start(label, cache.grids()) : torch.embedding(tokens, previous);
        Tensor y = dropout.forward(token).unsqueeze(1); // [B, 1, D]
        for (int i = 0; i < blocks.size(); i++) {
            y = blocks.get(i).forward(y, cache.keys(i), cache.values(i), cache.seen());
        }
        cache.grow();
        return head.forward(last.forward(y.squeeze(1)));
    }

    /** [B] -> [B, D] */
    private Tensor start(Tensor label, long grids) {
        return label == null ? classes.expand(grids, -1) : torch.embedding(classes, label);
    }

    @Override
    public KeyValueCache cache(long grids) {
        return new KeyValueCache(parameters, blocks.size(), grids, shared, length, channels);
    }

    private final class Block {
        private final RmsNorm norm1;
        private final Linear qkv;
        private final Linear out;
        private final RmsNorm norm2;
        private final Linear gate;
        private final Linear up;
        private final Linear down;

        Block(Parameters parameters) {
            long width = configuration.width();
            long hidden = configuration.feedForward();
            Parameters attention = parameters.child("attention");
            qkv = linear(attention.child("wqkv"), width, (heads + 2 * shared) * channels);
            out = linear(attention.child("wo"), width, width);
            Parameters feedForward = parameters.child("feed_forward");
            gate = linear(feedForward.child("w1"), width, hidden);
            up = linear(feedForward.child("w3"), width, hidden);
            down = linear(feedForward.child("w2"), hidden, width);
            norm1 = new RmsNorm(parameters.child("attention_norm"), width, false);
            norm2 = new RmsNorm(parameters.child("ffn_norm"), width, false);
        }

        private Linear linear(Parameters parameters, long in, long out) {
            return new Linear(parameters, in, out, false, configuration.deviation());
        }

        Tensor forward(Tensor x) { // [B, n, D]
            Tensor all = project(x);
            Tensor turned = rotary.turn(all.narrow(1, 0, heads + shared), 0);
            Tensor k = turned.narrow(1, heads, shared);
            Tensor v = all.narrow(1, heads + shared, shared);
            return rest(x, Attention.mix(turned.narrow(1, 0, heads), share(k), share(v), true));
        }

        /**
         * The output at one position alone, given keys and values of those before it, to which its own are added.
         *
         * @param keys [B, G, L, d], written at {@code position}
         * @param values [B, G, L, d], written at {@code position}
         */
        Tensor forward(Tensor x, Tensor keys, Tensor values, long position) { // [B, 1, D]
            Tensor all = project(x);
            Tensor turned = rotary.turn(all.narrow(1, 0, heads + shared), position);
            keys.narrow(2, position, 1).copy_(turned.narrow(1, heads, shared));
            values.narrow(2, position, 1).copy_(all.narrow(1, heads + shared, shared));
            Tensor k = keys.narrow(2, 0, position + 1); // [B, G, position + 1, d]
            Tensor v = values.narrow(2, 0, position + 1);
            Tensor q = turned.narrow(1, 0, heads).to(k.scalar_type());
            return rest(x, Attention.mix(q, share(k), share(v), false));
        }

        /** Queries, keys and values: [B, n, D] -> [B, H + 2 G, n, d] */
        private Tensor project(Tensor x) {
            return qkv.forward(norm1.forward(x))
                    .view(x.size(0), x.size(1), heads + 2 * shared, channels)
                    .transpose(1, 2);
        }

        /** [B, G, n, d] -> [B, H, n, d] */
        private Tensor share(Tensor x) {
            return shared == heads
                    ? x
                    : x.unsqueeze(2).expand(-1, -1, heads / shared, -1, -1).flatten(1, 2);
        }

        /** What follows attention. [B, n, D], [B, H, n, d] -> [B, n, D] */
        private Tensor rest(Tensor x, Tensor mixed) {
            Tensor y = x.add(dropout.forward(out.forward(Attention.join(mixed))));
            Tensor normed = norm2.forward(y);
            Tensor fed = down.forward(torch.silu(gate.forward(normed)).mul(up.forward(normed)));
            return y.add(dropout.forward(fed));
        }
    }
}
