package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * GPT-2's stack of pre-norm blocks over a grid of tokens, with learnt positions and without a causal mask: the denoiser
 * of Bond-Taylor et al. 2022. Linear layers and embeddings, those of positions too, start from one normal distribution.
 *
 * <p>A class enters as one more learnt vector that is added at every position; the last of its table stands for no class.
 * Time is not an input: the number of masked tokens tells it.
 *
 * <p>Letters: B batch, L tokens, D width, H heads, d = D / H, K vocabulary, M positions asked for.
 */
public final class Transformer implements Denoiser {
    private final TransformerConfiguration configuration;
    private final Parameters parameters;
    private final Tensor positions;
    private final Tensor tokens;
    private final Tensor classes;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm last;
    private final Linear head;

    /** Registers its tensors in {@code parameters}. */
    public Transformer(Parameters parameters, TransformerConfiguration configuration, NetworkShape shape) {
        this.configuration = configuration;
        this.parameters = parameters;
        long width = configuration.width();
        double deviation = configuration.deviation();
        this.positions = parameters.normal("pos_emb", deviation, 1, shape.length(), width);
        this.tokens = parameters.child("tok_emb").normal("weight", deviation, shape.inputs(), width);
        this.classes = shape.classes() == 0
                ? null
                : parameters.child("cls_emb").normal("weight", deviation, shape.classes() + 1, width);
        for (int i = 0; i < configuration.layers(); i++) {
            blocks.add(new Block(parameters.child("blocks").child(i)));
        }
        this.last = new LayerNorm(parameters.child("ln_f"), width);
        this.head = new Linear(parameters.child("head"), width, shape.outputs(), false, deviation);
    }

    /** In training all blocks are computed everywhere; otherwise the last one only where its output is asked for. */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        boolean lean = at != null && !parameters.training();
        Tensor x = embed(xt, label); // [B, L, D]
        for (Block block : lean ? blocks.subList(0, blocks.size() - 1) : blocks) {
            x = block.forward(x);
        }
        if (lean) {
            x = blocks.get(blocks.size() - 1).forward(x, at); // [M, D]
        } else {
            x = x.reshape(-1, configuration.width()); // [B·L, D]
            x = at == null ? x : x.index_select(0, at); // [M, D]
        }
        return head.forward(last.forward(x)); // [M, K]
    }

    private Tensor embed(Tensor xt, Tensor label) {
        Tensor x = torch.embedding(tokens, xt).add(positions); // [B, L, D]
        if (classes != null) {
            x = x.add(torch.embedding(classes, label).unsqueeze(1));
        }
        return drop(x);
    }

    private Tensor drop(Tensor x) {
        return configuration.dropout() > 0 && parameters.training()
                ? torch.dropout(x, configuration.dropout(), true)
                : x;
    }

    private final class Block {
        private final LayerNorm ln1;
        private final LayerNorm ln2;
        private final Linear qkv;
        private final Linear proj;
        private final Linear up;
        private final Linear down;
        private final long width = configuration.width();
        private final long heads = configuration.heads();

        Block(Parameters parameters) {
            ln1 = new LayerNorm(parameters.child("ln1"), width);
            qkv = new Linear(parameters.child("attn").child("qkv"), width, 3 * width, true, configuration.deviation());
            proj = new Linear(parameters.child("attn").child("proj"), width, width, true, configuration.deviation());
            ln2 = new LayerNorm(parameters.child("ln2"), width);
            up = new Linear(parameters.child("mlp").child(0), width, 4 * width, true, configuration.deviation());
            down = new Linear(parameters.child("mlp").child(2), 4 * width, width, true, configuration.deviation());
        }

        Tensor forward(Tensor x) { // [B, L, D]
            x = x.add(drop(attention(ln1.forward(x))));
            return x.add(drop(feedForward(ln2.forward(x))));
        }

        /** The block's output at some positions: keys and values of all, queries and what follows of those alone. */
        Tensor forward(Tensor x, Tensor at) { // [B, L, D], [M] -> [M, D]
            long length = x.size(1);
            Tensor normed = ln1.forward(x);
            Tensor kv = qkv.forward(normed, width, 3 * width)
                    .view(-1, length, 2, heads, width / heads)
                    .permute(2, 0, 3, 1, 4); // [2, B, H, L, d]
            Slots slots = Slots.of(at, x.size(0), length);
            Tensor q = slots.spread(qkv.forward(normed.reshape(-1, width).index_select(0, at), 0, width))
                    .view(x.size(0), -1, heads, width / heads)
                    .transpose(1, 2); // [B, H, most, d]
            Tensor all = Attention.attend(q, kv.select(0, 0), kv.select(0, 1)).transpose(1, 2); // [B, most, H, d]
            Tensor mixed = slots.collect(all.reshape(-1, width)); // [M, D]
            Tensor y = x.reshape(-1, width).index_select(0, at).add(proj.forward(mixed));
            return y.add(feedForward(ln2.forward(y)));
        }

        private Tensor attention(Tensor x) { // [B, L, D]
            long length = x.size(1);
            Tensor all =
                    qkv.forward(x).view(-1, length, 3, heads, width / heads).permute(2, 0, 3, 1, 4);
            Tensor mixed = Attention.attend(all.select(0, 0), all.select(0, 1), all.select(0, 2)); // [B, H, L, d]
            return proj.forward(mixed.transpose(1, 2).reshape(-1, length, width));
        }

        private Tensor feedForward(Tensor x) {
            return down.forward(torch.gelu(up.forward(x)));
        }
    }

    /** Where each of M positions goes among B rows of equal length, as long as the most that one grid has. */
    private record Slots(Tensor index, long size) {
        static Slots of(Tensor at, long grids, long length) {
            Tensor grid = at.floor_divide(new Scalar(length)); // [M]
            Tensor counts = torch.bincount(grid, new TensorOptional(), grids); // [B]
            Tensor before = counts.cumsum(0).sub(counts); // [B]
            Tensor rank = torch.arange(new Scalar(at.size(0)), Tensors.options(ScalarType.Long, at.device()))
                    .sub(before.index_select(0, grid)); // [M]
            long most = counts.max().item_long();
            return new Slots(grid.mul(new Scalar(most)).add(rank), grids * most);
        }

        /** [M, D] -> [B·most, D], zero where nothing goes */
        Tensor spread(Tensor rows) {
            return torch.zeros(new long[] {size, rows.size(1)}, Tensors.options(rows.scalar_type(), rows.device()))
                    .index_copy(0, index, rows);
        }

        /** [B·most, D] -> [M, D] */
        Tensor collect(Tensor rows) {
            return rows.index_select(0, index);
        }
    }
}
