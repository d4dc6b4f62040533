package dev.smalti.network;

import dev.smalti.tensor.Precision;
import dev.smalti.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Generator;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Blocks one after the other. Where the network {@linkplain Parameters#recompute recomputes} they keep no more than what goes into
 * each, and each is computed again in the backward pass, with the same dropout, before its gradient: Chen et al. 2016,
 * arXiv:1604.06174. That takes a third more time, and the memory of one block's activations rather than of all.
 *
 * <p>Letters: B batch, L tokens, D width, C what the blocks are told.
 */
final class Stack<T> implements OwnGradient.Body {
    private final Parameters parameters;
    private final List<T> blocks;
    private final Pass<T> pass;
    private final boolean narrow; // whether products are bfloat16
    private Tensor told; // null for nothing
    private final boolean answers; // whether what is told asks for its gradient
    private final List<Saved> saved = new ArrayList<>();

    /** What a kind of block does. */
    @FunctionalInterface
    interface Pass<T> {
        /**
         * A function of weights, arguments and libtorch's own random numbers.
         *
         * @param told what all blocks are told, such as a time's embedding; null for nothing
         */
        Tensor forward(T block, Tensor x, Tensor told); // [B, L, D], [B, C] -> [B, L, D]
    }

    /** What goes into a block [B, L, D], and the state of the random numbers before it. */
    private record Saved(Tensor x, Tensor random) {}

    private Stack(Parameters parameters, List<T> blocks, Tensor told, Pass<T> pass) {
        this.parameters = parameters;
        this.blocks = blocks;
        this.pass = pass;
        this.narrow = Precision.products(parameters.device()) == ScalarType.BFloat16;
        this.told = told == null ? null : Scope.hold(told.detach());
        this.answers = told != null && told.requires_grad();
    }

    /**
     * The output of the last.
     *
     * @param told what all blocks are told, [B, C]; null for nothing
     */
    static <T> Tensor forward(Parameters parameters, List<T> blocks, Tensor x, Tensor told, Pass<T> pass) {
        if (recomputes(parameters, x) && !blocks.isEmpty()) {
            return new Stack<>(parameters, blocks, told, pass).recomputed(x, told);
        }
        Tensor y = x; // [B, L, D]
        for (T block : blocks) {
            Tensor before = y;
            y = Scope.keep(() -> pass.forward(block, before, told));
        }
        return y;
    }

    private static boolean recomputes(Parameters parameters, Tensor x) {
        return parameters.recompute() && parameters.training() && GradMode.is_enabled() && x.requires_grad();
    }

    private Tensor recomputed(Tensor x, Tensor given) {
        try {
            return OwnGradient.of(this, run(x.detach()), answers ? List.of(x, given) : List.of(x));
        } catch (RuntimeException | Error e) { // such as by who asks to stop
            close();
            throw e;
        }
    }

    /** As with gradients, whose record ends with each block, so that each number is the same when it is computed again. */
    private Tensor run(Tensor x) {
        Tensor y = x;
        for (T block : blocks) {
            Tensor before = y;
            saved.add(Scope.value(
                    () -> Scope.holdAll(new Saved(before, generator().get_state()))));
            y = Scope.keep(() -> pass.forward(block, before, told).detach());
        }
        return y;
    }

    /** That of dropout. */
    private Generator generator() {
        return torch.globalContext().defaultGenerator(parameters.device());
    }

    @Override
    public List<Tensor> backward(Tensor gradient) {
        Tensor after = generator().get_state();
        try (AutoGradMode recorded = new AutoGradMode(true)) {
            Tensor leaf = told == null ? null : told.detach().set_requires_grad(answers);
            Tensor g = gradient; // of a block's output, [B, L, D]
            for (int i = blocks.size() - 1; i >= 0; i--) {
                T block = blocks.get(i);
                Saved own = saved.get(i);
                Tensor incoming = g;
                g = Scope.keep(() -> backward(block, own, leaf, incoming));
                Scope.releaseAll(own);
                saved.remove(i);
            }
            return answers ? List.of(g, leaf.grad().detach()) : List.of(g);
        } finally {
            generator().set_state(after);
        }
    }

    /** Adds to the gradients of the block's weights and of what it is told, and gives that of its input. */
    private Tensor backward(T block, Saved own, Tensor leaf, Tensor gradient) {
        Tensor x = own.x().detach().set_requires_grad(true);
        generator().set_state(own.random());
        Supplier<Tensor> again = () -> pass.forward(block, x, leaf);
        Tensor y = narrow ? Precision.BF16.run(parameters.device(), again) : again.get();
        y.backward(gradient, new BoolOptional(), false, new TensorArrayRefOptional());
        return x.grad().detach(); // of its own: what x gives lives as long as x
    }

    @Override
    public void close() {
        saved.forEach(Scope::releaseAll);
        saved.clear();
        if (told != null) {
            Scope.release(told);
            told = null;
        }
    }
}
