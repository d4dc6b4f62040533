package dev.smalti.prior.process;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Scope;
import java.util.function.Supplier;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/** What it takes to use a network rather than train it: no gradients, no dropout, and nothing kept but the result. */
public final class Inference {
    private Inference() {}

    /** A tensor. */
    public static Tensor tensor(Parameters parameters, Supplier<Tensor> body) {
        return Scope.keep(() -> plain(parameters, body));
    }

    /** Something that holds no tensors. */
    public static <R> R value(Parameters parameters, Supplier<R> body) {
        return Scope.value(() -> plain(parameters, body));
    }

    private static <R> R plain(Parameters parameters, Supplier<R> body) {
        try (NoGradGuard guard = new NoGradGuard()) {
            parameters.training(false);
            return body.get();
        }
    }
}
