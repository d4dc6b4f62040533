package dev.smalti.network;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Stopping;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;

/**
 * Something that is one operation to autograd, with a gradient of its own, asked for once. A hook on its output keeps the gradient
 * that comes in, and hooks on its inputs put their own in the place of the zeros that come back to them.
 */
final class OwnGradient {
    private static final int MOST_WAITING = 32;

    /** Operations whose gradient wasn't asked for yet, in order. */
    private static final Deque<OwnGradient> WAITING = new ArrayDeque<>();

    /** Hooks that have done their work, to be freed when none of them runs. */
    private static final Deque<TensorTensorHook> DONE = new ArrayDeque<>();

    private final Body body;
    private final List<TensorTensorHook> hooks = new ArrayList<>();
    private Tensor incoming; // of the output
    private List<Tensor> gradients; // of the inputs, once they are known
    private int missing; // inputs that haven't got theirs
    private boolean ended;

    /** What the operation has saved of its forward pass. */
    interface Body {
        /**
         * Adds to the gradients of all weights, and gives those of the inputs, in order, in the current scope. No gradients are
         * recorded meanwhile. On a card it runs on another thread than the forward pass.
         */
        List<Tensor> backward(Tensor gradient);

        /** Frees what was saved. May be called twice. */
        void close();
    }

    private OwnGradient(Body body) {
        this.body = body;
    }

    /**
     * {@code output} with the gradient of {@code body}.
     *
     * @param output computed of the inputs, without a gradient, [...]
     * @param inputs that require a gradient
     */
    static Tensor of(Body body, Tensor output, List<Tensor> inputs) {
        freeHooks();
        OwnGradient own = new OwnGradient(body);
        own.missing = inputs.size();
        Tensor linked = output;
        for (int i = 0; i < inputs.size(); i++) {
            Tensor entry = inputs.get(i).view_as(inputs.get(i));
            own.hook(entry, own.giving(i));
            Tensor zeros = entry.mul(new Scalar(0.0));
            linked = linked.add(Arrays.equals(Dims.of(zeros), Dims.of(output)) ? zeros : zeros.sum());
        }
        own.hook(linked, own.taking());
        await(own);
        return linked;
    }

    private void hook(Tensor tensor, TensorTensorHook hook) {
        hooks.add(Scope.hold(hook));
        tensor.register_hook(hook);
    }

    private TensorTensorHook taking() {
        return new TensorTensorHook() {
            @Override
            public TensorBase call(TensorBase own) {
                if (!ended) {
                    incoming = Scope.value(() -> Scope.hold(new Tensor(own)));
                }
                return own;
            }
        };
    }

    /** Zeros come back to an input, into which its gradient is written: what a hook makes anew on a card's thread nobody would free. */
    private TensorTensorHook giving(int input) {
        return new TensorTensorHook() {
            @Override
            public TensorBase call(TensorBase zeros) {
                Scope.free(() -> {
                    try (NoGradGuard guard = new NoGradGuard()) {
                        new Tensor(zeros).copy_(gradient(input));
                    }
                });
                if (--missing == 0) {
                    end();
                    synchronized (WAITING) {
                        DONE.addAll(hooks);
                    }
                }
                return zeros;
            }
        };
    }

    private Tensor gradient(int input) {
        if (ended) {
            throw new IllegalStateException("the gradient of these blocks was asked for before, or so many losses ago"
                    + " that what it needs is gone: compute the loss anew");
        }
        if (gradients == null) {
            try {
                Stopping.run(() -> {}, () -> gradients = Scope.holdAll(body.backward(incoming)));
            } finally {
                body.close();
                Scope.release(incoming);
                incoming = null;
            }
        }
        return gradients.get(input);
    }

    /** Keeps an operation, since libtorch alone would not, and gives up the one that has waited longest if there are many. */
    private static void await(OwnGradient own) {
        OwnGradient oldest = null;
        synchronized (WAITING) {
            WAITING.addLast(own);
            if (WAITING.size() > MOST_WAITING) {
                oldest = WAITING.removeFirst();
            }
        }
        if (oldest != null) {
            oldest.end(); // but not its hooks: who asks after all is told
        }
    }

    private static void freeHooks() {
        synchronized (WAITING) {
            DONE.forEach(Scope::release);
            DONE.clear();
        }
    }

    /** How many gradients weren't asked for yet. */
    static int waiting() {
        synchronized (WAITING) {
            return WAITING.size();
        }
    }

    /** Frees what was saved. */
    private void end() {
        ended = true;
        synchronized (WAITING) {
            WAITING.remove(this);
        }
        body.close();
        if (incoming != null) {
            Scope.release(incoming);
            incoming = null;
        }
        if (gradients != null) {
            gradients.forEach(Scope::release);
            gradients = null;
        }
    }
}
