package dev.smalti.tensor;

import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/**
 * Whose memory a tensor is. Every tensor that is made inside a scope is freed when the scope ends, but for those that
 * {@link #keep} returns: they pass to the scope around it (or to the garbage collector where there is none).
 *
 * <p>A scope belongs to the thread that opened it; {@link #adopt} takes over what another thread made.
 *
 * <pre>{@code
 * Tensor probability = Scope.keep(() -> logits.sub(logits.logsumexp(-1)).exp());   // two temporaries are freed
 * Scope.free(() -> loss.backward());                                              // nothing survives
 * }</pre>
 */
public final class Scope {
    static {
        Native.load();
    }

    private Scope() {}

    /**
     * Runs {@code body}, frees what it made, and keeps the tensors in its result: a tensor, or any nesting of records,
     * lists, maps, arrays and optionals that hold tensors.
     */
    public static <R> R keep(Supplier<R> body) {
        List<Tensor> kept = new ArrayList<>();
        R result;
        try (PointerScope scope = new PointerScope()) {
            result = body.get();
            collect(result, kept);
            kept.forEach(Pointer::retainReference);
        }
        pass(kept);
        return result;
    }

    /**
     * Passes what {@link #keep} returned where it had no scope around it, as on another thread, to the scope around this
     * call.
     */
    public static <R> R adopt(R result) {
        List<Tensor> kept = new ArrayList<>();
        collect(result, kept);
        pass(kept);
        return result;
    }

    private static void pass(List<Tensor> kept) {
        PointerScope outer = PointerScope.getInnerScope();
        if (outer != null) {
            for (Tensor tensor : kept) {
                outer.attach(tensor);
                tensor.releaseReference();
            }
        }
    }

    /** Runs {@code body} and frees every tensor that it made. */
    public static void free(Runnable body) {
        try (PointerScope scope = new PointerScope()) {
            body.run();
        }
    }

    /** Runs {@code body}, which returns something that holds no tensors, and frees every tensor that it made. */
    public static <R> R value(Supplier<R> body) {
        try (PointerScope scope = new PointerScope()) {
            return body.get();
        }
    }

    /** Keeps {@code tensor} past every scope, until {@link #release}: for weights and other state of a whole run. */
    public static <P extends Pointer> P hold(P tensor) {
        tensor.retainReference();
        return tensor;
    }

    /** Ends {@link #hold}. */
    public static void release(Pointer tensor) {
        tensor.releaseReference();
    }

    /** {@link #hold} of every tensor in a result, as {@link #keep} finds them. */
    public static <R> R holdAll(R result) {
        List<Tensor> held = new ArrayList<>();
        collect(result, held);
        held.forEach(Scope::hold);
        return result;
    }

    /** Ends {@link #holdAll}. */
    public static void releaseAll(Object result) {
        List<Tensor> held = new ArrayList<>();
        collect(result, held);
        held.forEach(Scope::release);
    }

    private static void collect(Object value, List<Tensor> kept) {
        if (value instanceof Tensor tensor) {
            kept.add(tensor);
        } else if (value instanceof Collection<?> values) { // not Iterable: a Path is one, of Paths
            values.forEach(each -> collect(each, kept));
        } else if (value instanceof Map<?, ?> map) {
            map.values().forEach(each -> collect(each, kept));
        } else if (value instanceof Object[] array) {
            for (Object each : array) {
                collect(each, kept);
            }
        } else if (value instanceof Optional<?> optional) {
            optional.ifPresent(each -> collect(each, kept));
        } else if (value instanceof Record) {
            collectRecord((Record) value, kept);
        }
    }

    private static void collectRecord(Record value, List<Tensor> kept) {
        for (RecordComponent component : value.getClass().getRecordComponents()) {
            try {
                Method accessor = component.getAccessor();
                accessor.setAccessible(true);
                collect(accessor.invoke(value), kept);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("cannot read " + component + " of a kept result", e);
            }
        }
    }
}
