package dev.smalti.network;

import dev.smalti.tensor.Precision;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A pre-norm block of GPT-2: x + attention(norm(x)), then x + feed-forward(norm(x)).
 *
 * <p>Letters: B batch, L tokens, D width, H heads, d = D / H, M positions asked for.
 */
final class Block {
    private final Dropout dropout;
    final LayerNorm ln1;
    final LayerNorm ln2;
    final Linear qkv;
    final Linear proj;
    final Linear up;
    final Linear down;
    private final long width;
    final long heads;

    Block(Parameters parameters, TransformerConfiguration configuration) {
        dropout = new Dropout(parameters, configuration.dropout());
        width = configuration.width();
        heads = configuration.heads();
        ln1 = new LayerNorm(parameters.child("ln1"), width);
        qkv = new Linear(parameters.child("attn").child("qkv"), width, 3 * width, true, configuration.deviation());
        proj = new Linear(parameters.child("attn").child("proj"), width, width, true, configuration.deviation());
        ln2 = new LayerNorm(parameters.child("ln2"), width);
        up = new Linear(parameters.child("mlp").child(0), width, 4 * width, true, configuration.deviation());
        down = new Linear(parameters.child("mlp").child(2), 4 * width, width, true, configuration.deviation());
    }

    /**
     * All of {@code blocks}, one after the other.
     *
     * @param causal whether a position sees only itself and those before it
     */
    static Tensor all(List<Block> blocks, Parameters parameters, Tensor x, boolean causal) { // [B, L, D] -> the same
        if (written(blocks, parameters, x)) {
            return BlockGradient.forward(
                    blocks, x, causal, Precision.products(parameters.device()), parameters.recompute(), null);
        }
        return Stack.forward(parameters, blocks, x, null, (block, y, nothing) -> block.forward(y, causal));
    }

    /**
     * The last one's output at some positions; where its gradient is written out, what follows attention is computed at those alone.
     *
     * @param at rows of B·L, each once, [M]
     */
    static Tensor all(List<Block> blocks, Parameters parameters, Tensor x, Tensor at) { // [B, L, D] -> [M, D]
        if (at.numel() > 0 && written(blocks, parameters, x)) {
            return BlockGradient.forward(
                    blocks, x, false, Precision.products(parameters.device()), parameters.recompute(), at);
        }
        return all(blocks, parameters, x, false).reshape(-1, x.size(2)).index_select(0, at);
    }

    /** Whether the gradient of blocks is the one that is written out. */
    private static boolean written(List<Block> blocks, Parameters parameters, Tensor x) {
        return parameters.training()
                && GradMode.is_enabled()
                && x.is_cpu()
                && x.requires_grad()
                && x.numel() >= BlockGradient.LEAST
                && OneDnn.present()
                && blocks.stream().allMatch(Block::plainlyTrained);
    }

    /** Whether all of its weights are trained, and nothing is dropped. */
    private boolean plainlyTrained() {
        return !dropout.drops()
                && Stream.of(qkv, proj, up, down)
                        .allMatch(layer ->
                                layer.weight().requires_grad() && layer.bias().requires_grad())
                && Stream.of(ln1, ln2)
                        .allMatch(layer ->
                                layer.weight().requires_grad() && layer.bias().requires_grad());
    }

    /** @param causal whether a position sees only itself and those before it */
    Tensor forward(Tensor x, boolean causal) { // [B, L, D]
        return rest(x, Attention.self(qkv.forward(ln1.forward(x)), heads, causal));
    }

    /** The block's output at some positions: keys and values of all, queries and what follows of those alone. */
    Tensor forward(Tensor x, Tensor at) { // [B, L, D], [M] -> [M, D]
        if (x.is_cuda()) { // few more queries cost less than the calls that would leave them out
            Tensor all =
                    Attention.self(qkv.forward(ln1.forward(x)), heads, false).reshape(-1, width);
            return rest(x.reshape(-1, width).index_select(0, at), all.index_select(0, at));
        }
        long length = x.size(1);
        Tensor normed = ln1.forward(x);
        Tensor kv = Attention.split(qkv.forward(normed, width, 3 * width), 2, heads); // [2, B, H, L, d]
        Slots slots = Slots.of(at, x.size(0), length);
        Tensor q = slots.spread(qkv.forward(normed.reshape(-1, width).index_select(0, at), 0, width))
                .view(x.size(0), -1, heads, width / heads)
                .transpose(1, 2); // [B, H, most, d]
        Tensor mixed = Attention.join(Attention.mix(q, kv.select(0, 0), kv.select(0, 1), false)); // [B, most, D]
        return rest(x.reshape(-1, width).index_select(0, at), slots.collect(mixed.reshape(-1, width)));
    }

    /**
     * The causal block's output at one position alone, given keys and values of those before it, to which its own are
     * added.
     *
     * @param keys [B, H, L, d], written at {@code position}
     * @param values [B, H, L, d], written at {@code position}
     */
    Tensor forward(Tensor x, Tensor keys, Tensor values, long position) { // [B, 1, D]
        Tensor all = Attention.split(qkv.forward(ln1.forward(x)), 3, heads); // [3, B, H, 1, d]
        keys.narrow(2, position, 1).copy_(all.select(0, 1));
        values.narrow(2, position, 1).copy_(all.select(0, 2));
        Tensor past = keys.narrow(2, 0, position + 1); // [B, H, position + 1, d]
        return rest(x, Attention.join(Attention.mix(all.select(0, 0), past, values.narrow(2, 0, position + 1), false)));
    }

    /** What follows attention. [..., D] twice -> [..., D] */
    private Tensor rest(Tensor x, Tensor mixed) {
        Tensor y = plus(x, dropout.forward(proj.forward(mixed)));
        return plus(y, dropout.forward(feedForward(ln2.forward(y))));
    }

    /** In the place of x where no gradient will ask for it: what goes into a block is not used again. */
    private static Tensor plus(Tensor x, Tensor y) {
        return GradMode.is_enabled() ? x.add(y) : x.add_(y);
    }

    private Tensor feedForward(Tensor x) {
        Tensor raised = up.forward(x);
        return down.forward(GradMode.is_enabled() ? torch.gelu(raised) : torch.gelu_(raised));
    }
}
