package dev.smalti.network;

import dev.smalti.tensor.Operation;
import dev.smalti.tensor.Scope;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Tensor;

/** Products by oneDNN on a CPU, which has OpenMP's threads, without gradients. */
final class OneDnn {
    private static final Operation LINEAR = new Operation("mkldnn::_linear_pointwise", "");
    private static final Operation REORDER = new Operation("mkldnn::_reorder_linear_weight", "");

    /** Those of an operation that follows the product: there is none. Made at the first product. */
    private static final class Numbers {
        static final IValue NONE = Scope.value(() -> Scope.hold(new IValue(LINEAR.empty(4))));
    }

    private OneDnn() {}

    /** Whether libtorch was built with it. */
    static boolean present() {
        return Context.hasMKLDNN();
    }

    /** A bfloat16 weight, [out, in], as {@link #linear} multiplies so many rows with it fastest. */
    static Tensor laidOut(Tensor weight, long rows) {
        return REORDER.tensor(new IValue(weight), new IValue(rows));
    }

    /**
     * x Wᵀ + b.
     *
     * @param x [..., in], of the weight's type
     * @param weight [out, in], as it is or laid out for this
     * @param bias [out] or null
     * @return [..., out]
     */
    static Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        return Scope.keep(() -> LINEAR.tensor(
                new IValue(x),
                new IValue(weight),
                Operation.value(bias),
                new IValue("none"),
                Numbers.NONE,
                new IValue()));
    }
}
