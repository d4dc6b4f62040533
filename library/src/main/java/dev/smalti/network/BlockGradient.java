package dev.smalti.network;

import dev.smalti.tensor.Operation;
import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A stack of {@link Block}s in training on a CPU, with its gradient written out rather than recorded operation by operation:
 * weights are converted once a step, activations stay in the type of the products, and each product is asked for in the order in
 * which this CPU computes it fastest. Sums, norms and gradients of weights are float32, as under autocast.
 *
 * <p>To autograd the stack is {@linkplain OwnGradient one operation}.
 *
 * <p>What follows attention in the last block is computed only at positions whose output is asked for.
 *
 * <p>Letters: B batch, L tokens, M = B·L rows, m rows that are asked for, D width, H heads, d = D / H, N outputs and K inputs of a product.
 */
final class BlockGradient implements OwnGradient.Body {
    /** Numbers in the stack's input from which it gains more than it costs. */
    static final long LEAST = 1 << 17;

    private static final Operation SOFTMAX_BACKWARD = new Operation("aten::_softmax_backward_data", "");
    private static final Operation ATTENTION = new Operation("aten::_scaled_dot_product_flash_attention_for_cpu", "");
    private static final Operation ATTENTION_BACKWARD =
            new Operation("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "");

    private final List<Block> blocks;
    private final boolean causal;
    private final ScalarType type; // of the products
    private final long[] shape; // B, L, D
    private final boolean recompute;
    private Tensor at; // rows of the last block's output, each once, [m]; null for all
    private final List<Kept> kept = new ArrayList<>();

    /** A linear layer's weight and bias in the type of the products. */
    private record Weight(Linear layer, Tensor weight, Tensor bias) {}

    /** Layer norm's output in the type of the products [M, D], and the means and inverse deviations of its rows [M, 1]. */
    private record Normed(Tensor output, Tensor mean, Tensor deviation) {}

    /**
     * Attention of all heads.
     *
     * @param q scaled where the products are bfloat16, [B, H, L, d]
     * @param weights softmax of the scores, [B, H, L, L]; in float32 the logarithms of its sums, [B, H, L]
     * @param output [B, H, L, d]
     */
    private record Mixed(Tensor q, Tensor k, Tensor v, Tensor weights, Tensor output) {}

    /** What a block's backward pass needs of its forward pass. [M, D] but for {@code raised} and {@code fed}, [M, 4 D]; of the last one m rows from {@code joined} on */
    private record Saved(
            Weight qkv,
            Weight proj,
            Weight up,
            Weight down,
            Tensor x,
            Normed first,
            Mixed mixed,
            Tensor joined,
            Tensor y,
            Normed second,
            Tensor raised,
            Tensor fed) {}

    /** A block's input, [M, D], and what was saved of its forward pass; null where that is computed again. */
    private record Kept(Tensor x, Saved saved) {}

    private BlockGradient(List<Block> blocks, boolean causal, ScalarType type, boolean recompute, Tensor x, Tensor at) {
        this.blocks = blocks;
        this.at = at == null ? null : Scope.hold(at.view_as(at));
        this.recompute = recompute;
        this.causal = causal;
        this.type = type;
        this.shape = new long[] {x.size(0), x.size(1), x.size(2)};
    }

    /**
     * The output of all blocks, in float32, for a loss whose gradient will be asked for once.
     *
     * @param x [B, L, D], float32, that requires a gradient
     * @param type of the products, float32 or bfloat16
     * @param recompute keeps no more of each block than what goes into it
     * @param at rows of the output, [m], each once, at least one; null for all
     * @return [B, L, D], or [m, D]
     */
    static Tensor forward(List<Block> blocks, Tensor x, boolean causal, ScalarType type, boolean recompute, Tensor at) {
        BlockGradient stack = new BlockGradient(blocks, causal, type, recompute, x, at);
        try {
            return OwnGradient.of(stack, stack.run(x.detach()), List.of(x));
        } catch (RuntimeException | Error e) { // such as by who asks to stop
            stack.close();
            throw e;
        }
    }

    @Override
    public void close() {
        kept.forEach(Scope::releaseAll);
        kept.clear();
        if (at != null) {
            Scope.release(at);
            at = null;
        }
    }

    // Forwards

    private Tensor run(Tensor x) {
        try (NoGradGuard guard = new NoGradGuard()) {
            Tensor rows = Scope.hold(x.reshape(-1, shape[2]));
            for (Block block : blocks) {
                Tensor input = rows;
                rows = Scope.value(() -> {
                    Saved own = forward(block, input);
                    kept.add(Scope.holdAll(new Kept(input, recompute ? null : own)));
                    return Scope.hold(output(own));
                });
                Scope.release(input);
            }
            Tensor output = at == null ? rows.view(shape) : rows.view_as(rows);
            Scope.release(rows);
            return output;
        }
    }

    private Saved forward(Block block, Tensor x) { // [M, D]
        Weight qkv = weight(block.qkv);
        Weight proj = weight(block.proj);
        Weight up = weight(block.up);
        Weight down = weight(block.down);
        Normed first = Scope.keep(() -> norm(block.ln1, x));
        Mixed mixed = Scope.keep(() -> attention(linear(first.output(), qkv), block.heads));
        boolean some = somewhere(block);
        Tensor all = mixed.output().transpose(1, 2).reshape(-1, shape[2]); // [M, D]
        Tensor joined = some ? all.index_select(0, at) : all;
        Tensor y = Scope.keep(() -> (some ? x.index_select(0, at) : x).add(linear(joined, proj)));
        Normed second = Scope.keep(() -> norm(block.ln2, y));
        Tensor raised = linear(second.output(), up); // [M, 4 D]
        Tensor fed = torch.gelu(raised);
        return new Saved(qkv, proj, up, down, x, first, mixed, joined, y, second, raised, fed);
    }

    /** Whether a block's output is computed at some positions alone. */
    private boolean somewhere(Block block) {
        return at != null && block == blocks.get(blocks.size() - 1);
    }

    private Tensor output(Saved own) { // [M, D]
        return Scope.keep(() -> own.y().add(linear(own.fed(), own.down())));
    }

    private Weight weight(Linear layer) {
        return new Weight(
                layer, layer.weight().detach().to(type), layer.bias().detach().to(type));
    }

    private Tensor linear(Tensor x, Weight weight) {
        Work.add(2 * x.numel() * weight.weight().size(0));
        return type == ScalarType.Float
                ? OneDnn.linear(x, weight.weight(), weight.bias())
                : torch.linear(x, weight.weight(), Tensors.optional(weight.bias()));
    }

    private Normed norm(LayerNorm layer, Tensor x) {
        T_TensorTensorTensor_T all = torch.native_layer_norm(
                x,
                new long[] {shape[2]},
                Tensors.optional(layer.weight()),
                Tensors.optional(layer.bias()),
                LayerNorm.EPSILON);
        return new Normed(all.get0().to(type), own(all.get1()), own(all.get2()));
    }

    /** What lies in a tuple lives as long as that. */
    private static Tensor own(Tensor inside) {
        return new Tensor(inside);
    }

    private Mixed attention(Tensor qkv, long heads) { // [M, 3 D]
        Tensor all = Attention.split(qkv.view(shape[0], shape[1], -1), 3, heads); // [3, B, H, L, d]
        Work.add(Attention.work(all.select(0, 0), shape[1], causal));
        if (type == ScalarType.Float) {
            Tensor q = all.select(0, 0);
            Tensor k = all.select(0, 1);
            Tensor v = all.select(0, 2);
            IValueVector mixed = ATTENTION.call(
                    new IValue(q),
                    new IValue(k),
                    new IValue(v),
                    new IValue(0.0),
                    new IValue(causal),
                    new IValue(),
                    new IValue());
            return new Mixed(q, k, v, Operation.tensor(mixed, 1), Operation.tensor(mixed, 0));
        }
        Tensor q = all.select(0, 0).mul(scale(heads)).contiguous();
        Tensor k = all.select(0, 1).contiguous();
        Tensor v = all.select(0, 2).contiguous();
        Tensor scores = torch.matmul(q, k.transpose(-2, -1)); // [B, H, L, L]
        Tensor weights = torch.softmax(causal ? Attention.past(scores) : scores, -1);
        return new Mixed(q, k, v, weights, torch.matmul(weights, v));
    }

    private Scalar scale(long heads) {
        return new Scalar(1 / Math.sqrt((double) shape[2] / heads));
    }

    // Backwards

    @Override
    public List<Tensor> backward(Tensor gradient) {
        Tensor g = Scope.hold(gradient.reshape(-1, shape[2]).to(ScalarType.Float)); // [M, D]
        for (int i = blocks.size() - 1; i >= 0; i--) {
            Block block = blocks.get(i);
            Kept own = kept.get(i);
            Tensor after = g;
            g = Scope.value(() -> {
                Saved all = own.saved() == null ? forward(block, own.x()) : own.saved();
                return Scope.hold(backward(block, all, after));
            });
            Scope.release(after);
            Scope.releaseAll(own);
            kept.remove(i);
        }
        Tensor input = g.view(shape);
        Scope.release(g);
        return List.of(input);
    }

    /** What is made on the way is freed as soon as it isn't needed: what comes next finds its memory still in the cache. */
    private Tensor backward(Block block, Saved own, Tensor g) { // of the block's output, [M, D]
        Tensor second = Scope.keep(() -> {
            Tensor raised = Scope.keep(() -> {
                Tensor fed = backward(own.down(), own.fed(), g.to(type)); // [M, 4 D]
                return torch.gelu_backward(fed, own.raised());
            });
            return backward(own.up(), own.second().output(), raised);
        });
        Tensor y = Scope.keep(
                () -> backward(block.ln2, own.y(), own.second(), second).add_(g));
        Tensor first = Scope.keep(() -> {
            Tensor qkv = Scope.keep(() -> {
                Tensor joined = backward(own.proj(), own.joined(), y.to(type));
                return attention(own.mixed(), somewhere(block) ? spread(joined) : joined, block.heads);
            });
            return backward(own.qkv(), own.first().output(), qkv);
        });
        Tensor input = backward(block.ln1, own.x(), own.first(), first);
        return somewhere(block)
                ? input.index_copy_(0, at, input.index_select(0, at).add_(y))
                : input.add_(y);
    }

    /** With zeros where nothing was asked for. [m, D] -> [M, D] */
    private Tensor spread(Tensor some) {
        return torch.zeros(new long[] {shape[0] * shape[1], shape[2]}, Tensors.options(type))
                .index_copy_(0, at, some);
    }

    /** Of a linear layer's output to that of its input; adds to those of weight and bias. [M, N] -> [M, K] */
    private Tensor backward(Weight layer, Tensor x, Tensor g) {
        Scope.free(() -> accumulate(layer.layer().weight(), outer(g, x)));
        Scope.free(() -> accumulate(layer.layer().bias(), g.sum(0)));
        return type == ScalarType.Float ? OneDnn.linear(g, layer.weight().t(), null) : torch.mm(g, layer.weight());
    }

    /** gᵀ x, where tiles multiply turning the smaller of the two, which other processors turn as they read. [M, N], [M, K] -> [N, K] */
    private Tensor outer(Tensor g, Tensor x) {
        if (type != ScalarType.Float && !Precision.cpuHasTiles()) {
            return torch.mm(g.t(), x);
        }
        boolean wide = g.size(1) > x.size(1);
        if (type == ScalarType.Float) {
            return wide ? OneDnn.linear(x.t(), g.t(), null).t() : OneDnn.linear(g.t(), x.t(), null);
        }
        return wide ? torch.mm(x.t().contiguous(), g).t() : torch.mm(g.t().contiguous(), x);
    }

    private static void accumulate(Tensor weight, Tensor own) {
        Tensor sum = weight.grad();
        if (sum.defined()) {
            sum.add_(own);
        } else {
            weight.mutable_grad().put(own.to(ScalarType.Float).contiguous());
        }
    }

    private Tensor backward(LayerNorm layer, Tensor x, Normed normed, Tensor g) {
        try (BoolPointer all = new BoolPointer(3)) {
            all.put(0, true).put(1, true).put(2, true);
            T_TensorTensorTensor_T own = torch.native_layer_norm_backward(
                    g.to(ScalarType.Float),
                    x,
                    new long[] {shape[2]},
                    normed.mean(),
                    normed.deviation(),
                    Tensors.optional(layer.weight()),
                    Tensors.optional(layer.bias()),
                    all);
            accumulate(layer.weight(), own.get1());
            accumulate(layer.bias(), own.get2());
            return own(own.get0());
        }
    }

    private Tensor attention(Mixed mixed, Tensor g, long heads) { // [M, D] -> [M, 3 D]
        Tensor output = g.view(shape[0], shape[1], heads, -1).transpose(1, 2); // [B, H, L, d]
        Tensor all =
                torch.empty(new long[] {shape[0], shape[1], 3, heads, shape[2] / heads}, Tensors.options(type), null);
        Tensor parts = all.permute(2, 0, 3, 1, 4); // [3, B, H, L, d]
        if (type == ScalarType.Float) {
            IValueVector own = ATTENTION_BACKWARD.call(
                    new IValue(output),
                    new IValue(mixed.q()),
                    new IValue(mixed.k()),
                    new IValue(mixed.v()),
                    new IValue(mixed.output()),
                    new IValue(mixed.weights()),
                    new IValue(0.0),
                    new IValue(causal),
                    new IValue(),
                    new IValue());
            for (int i = 0; i < 3; i++) {
                parts.select(0, i).copy_(Operation.tensor(own, i));
            }
        } else {
            Tensor turned = output.contiguous();
            Scope.free(
                    () -> parts.select(0, 2).copy_(torch.matmul(mixed.weights().transpose(-2, -1), turned)));
            Tensor scores = Scope.keep(() -> {
                Tensor weights = torch.matmul(turned, mixed.v().transpose(-2, -1)); // [B, H, L, L]
                return SOFTMAX_BACKWARD.tensor(
                        new IValue(weights), new IValue(mixed.weights()), new IValue(-1L), new IValue(type));
            });
            Scope.free(() ->
                    parts.select(0, 0).copy_(torch.matmul(scores, mixed.k()).mul_(scale(heads))));
            Scope.free(() -> parts.select(0, 1).copy_(torch.matmul(scores.transpose(-2, -1), mixed.q())));
        }
        return all.view(-1, 3 * shape[2]);
    }
}
