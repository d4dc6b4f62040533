package dev.smalti.network;

import dev.smalti.tensor.Tensors;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A pre-norm block of GPT-2: x + attention(norm(x)), then x + feed-forward(norm(x)).
 *
 * <p>Letters: B batch, L tokens, D width, H heads, d = D / H, M positions asked for.
 */
final class Block {
    private final Dropout dropout;
    private final LayerNorm ln1;
    private final LayerNorm ln2;
    private final Linear qkv;
    private final Linear proj;
    private final Linear up;
    private final Linear down;
    private final long width;
    private final long heads;
    private final double scale;

    Block(Parameters parameters, TransformerConfiguration configuration) {
        dropout = new Dropout(parameters, configuration.dropout());
        width = configuration.width();
        heads = configuration.heads();
        scale = 1 / Math.sqrt((double) width / heads);
        ln1 = new LayerNorm(parameters.child("ln1"), width);
        qkv = new Linear(parameters.child("attn").child("qkv"), width, 3 * width, true, configuration.deviation());
        proj = new Linear(parameters.child("attn").child("proj"), width, width, true, configuration.deviation());
        ln2 = new LayerNorm(parameters.child("ln2"), width);
        up = new Linear(parameters.child("mlp").child(0), width, 4 * width, true, configuration.deviation());
        down = new Linear(parameters.child("mlp").child(2), 4 * width, width, true, configuration.deviation());
    }

    /** @param causal whether a position sees only itself and those before it */
    Tensor forward(Tensor x, boolean causal) { // [B, L, D]
        Tensor all = split(qkv.forward(ln1.forward(x)), 3); // [3, B, H, L, d]
        return rest(x, attend(all.select(0, 0), all.select(0, 1), all.select(0, 2), causal));
    }

    /** The block's output at some positions: keys and values of all, queries and what follows of those alone. */
    Tensor forward(Tensor x, Tensor at) { // [B, L, D], [M] -> [M, D]
        long length = x.size(1);
        Tensor normed = ln1.forward(x);
        Tensor kv = split(qkv.forward(normed, width, 3 * width), 2); // [2, B, H, L, d]
        Slots slots = Slots.of(at, x.size(0), length);
        Tensor q = slots.spread(qkv.forward(normed.reshape(-1, width).index_select(0, at), 0, width))
                .view(x.size(0), -1, heads, width / heads)
                .transpose(1, 2); // [B, H, most, d]
        Tensor all = attend(q, kv.select(0, 0), kv.select(0, 1), false).transpose(1, 2); // [B, most, H, d]
        Tensor mixed = slots.collect(all.reshape(-1, width)); // [M, D]
        Tensor y = x.reshape(-1, width).index_select(0, at).add(proj.forward(mixed));
        return y.add(feedForward(ln2.forward(y)));
    }

    /**
     * The causal block's output at one position alone, given keys and values of those before it, to which its own are
     * added.
     *
     * @param keys [B, H, L, d], written at {@code position}
     * @param values [B, H, L, d], written at {@code position}
     */
    Tensor forward(Tensor x, Tensor keys, Tensor values, long position) { // [B, 1, D]
        Tensor all = split(qkv.forward(ln1.forward(x)), 3); // [3, B, H, 1, d]
        keys.narrow(2, position, 1).copy_(all.select(0, 1));
        values.narrow(2, position, 1).copy_(all.select(0, 2));
        return rest(
                x, attend(all.select(0, 0), keys.narrow(2, 0, position + 1), values.narrow(2, 0, position + 1), false));
    }

    /** [B, L, n·D] -> [n, B, H, L, d] */
    private Tensor split(Tensor x, long parts) {
        return x.view(x.size(0), x.size(1), parts, heads, width / heads).permute(2, 0, 3, 1, 4);
    }

    private Tensor attend(Tensor q, Tensor k, Tensor v, boolean causal) { // [B, H, *, d]
        // the fused kernel is the faster one, but in bfloat16 on a CPU
        if (q.is_cuda() || q.scalar_type().intern() == ScalarType.Float) {
            return torch.scaled_dot_product_attention(
                    q, k, v, new TensorOptional(), 0, causal, new DoubleOptional(), false);
        }
        Tensor scores = torch.matmul(q.mul(new Scalar(scale)), k.transpose(-2, -1)); // [B, H, *, L]
        if (causal) {
            Tensor later = Tensors.ones(q.size(-2), k.size(-2)).triu(1).to(q.device(), ScalarType.Bool);
            scores = scores.masked_fill(later, new Scalar(Double.NEGATIVE_INFINITY));
        }
        return torch.matmul(torch.softmax(scores, -1), v);
    }

    /** What follows attention. x [B, L, D], mixed [B, H, L, d] -> [B, L, D] */
    private Tensor rest(Tensor x, Tensor mixed) {
        Tensor joined = mixed.transpose(1, 2).reshape(x.size(0), x.size(1), width);
        Tensor y = x.add(dropout.forward(proj.forward(joined)));
        return y.add(dropout.forward(feedForward(ln2.forward(y))));
    }

    private Tensor feedForward(Tensor x) {
        return down.forward(torch.gelu(up.forward(x)));
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
