package dev.smalti.tensor;

import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorList;

/**
 * An operation of libtorch that has no binding of its own, called by its name in the dispatcher.
 *
 * <p>Arguments are those of its schema, in order, each as an {@link IValue}: an empty one is None.
 */
public final class Operation {
    static {
        Native.load();
    }

    private final String name;
    private final String overload;
    private volatile OperatorHandle handle;

    /**
     * Looked up at the first call, so that a libtorch without it does for all else.
     *
     * @param name such as {@code aten::_fused_adamw_}
     * @param overload empty for the one without a name
     */
    public Operation(String name, String overload) {
        this.name = name;
        this.overload = overload;
    }

    private OperatorHandle handle() {
        OperatorHandle found = handle;
        return found == null ? find() : found;
    }

    private synchronized OperatorHandle find() {
        if (handle == null) {
            handle = Scope.value(() -> Scope.hold(Dispatcher.singleton().findSchemaOrThrow(name, overload)));
        }
        return handle;
    }

    /**
     * What it returns, in order.
     *
     * @throws RuntimeException if libtorch has none of that name, or refuses the arguments
     */
    public IValueVector call(IValue... arguments) {
        IValueVector stack = new IValueVector(arguments);
        Dispatcher.singleton().callBoxed(handle(), stack);
        return stack;
    }

    /** The tensor that it returns. */
    public Tensor tensor(IValue... arguments) {
        return tensor(call(arguments), 0);
    }

    /** One of the tensors that a call has returned. */
    public static Tensor tensor(IValueVector returned, int index) {
        return new Tensor(
                returned.get(index).toTensor()); // of its own: what the stack gives lives as long as the stack
    }

    /** A tensor, or None for null. */
    public static IValue value(Tensor tensor) {
        return tensor == null ? new IValue() : new IValue(tensor);
    }

    /** An empty list of tensors. */
    public static GenericList tensors() {
        return new GenericList(new TensorList().elementType());
    }

    /** An empty list for the argument at {@code position} of its schema, which is one. */
    public GenericList empty(long position) {
        return new GenericList(
                handle().schema().arguments().getPointer(position).type().get().containedType(0));
    }
}
