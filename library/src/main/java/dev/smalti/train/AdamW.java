package dev.smalti.train;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorList;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * AdamW in one fused call for all weights. Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
 *
 * <p>libtorch's own optimizer class is not used: its two betas come out reversed under some C++ libraries, and the fused
 * kernel makes one pass over the weights.
 */
final class AdamW implements AutoCloseable {
    private static final double EPSILON = 1e-8;

    private final Map<String, Tensor> weights;
    private final double beta1;
    private final double beta2;
    private final double weightDecay;
    private final Map<String, Slot> slots = new LinkedHashMap<>();

    private record Slot(Tensor average, Tensor square, Tensor step) {}

    AdamW(Parameters parameters, List<Double> betas, double weightDecay) {
        this.weights = parameters.weights();
        this.beta1 = betas.get(0);
        this.beta2 = betas.get(1);
        this.weightDecay = weightDecay;
        Scope.free(() -> weights.forEach((name, weight) -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                slots.put(
                        name,
                        new Slot(
                                Scope.hold(torch.zeros_like(weight)),
                                Scope.hold(torch.zeros_like(weight)),
                                Scope.hold(Tensors.zeros().to(weight.device(), weight.scalar_type()))));
            }
        }));
    }

    /** Scales the gradients to a norm of at most {@code most} and returns the norm that they had; 0 for no limit. */
    double clip(double most) {
        return Scope.value(() -> {
            TensorVector with = new TensorVector();
            weights.values().stream().filter(AdamW::hasGradient).forEach(with::push_back);
            return with.empty() ? 0 : torch.clip_grad_norm_(with, most == 0 ? Float.MAX_VALUE : most);
        });
    }

    /** One step against the gradients; weights without one stay. */
    void step(double rate) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                GenericList self = list();
                GenericList gradients = list();
                GenericList averages = list();
                GenericList squares = list();
                GenericList steps = list();
                boolean any = false;
                for (Map.Entry<String, Tensor> entry : weights.entrySet()) {
                    Tensor weight = entry.getValue();
                    if (hasGradient(weight)) {
                        Slot slot = slots.get(entry.getKey());
                        slot.step().add_(new Scalar(1.0));
                        self.push_back(new IValue(weight));
                        gradients.push_back(new IValue(weight.grad()));
                        averages.push_back(new IValue(slot.average()));
                        squares.push_back(new IValue(slot.square()));
                        steps.push_back(new IValue(slot.step()));
                        any = true;
                    }
                }
                if (!any) {
                    return;
                }
                IValueVector stack = new IValueVector();
                for (GenericList each : List.of(self, gradients, averages, squares, list(), steps)) {
                    stack.push_back(new IValue(each));
                }
                for (double each : new double[] {rate, beta1, beta2, weightDecay, EPSILON}) {
                    stack.push_back(new IValue(each));
                }
                stack.push_back(new IValue(false)); // amsgrad
                stack.push_back(new IValue(false)); // maximize
                stack.push_back(new IValue()); // grad_scale
                stack.push_back(new IValue()); // found_inf
                Dispatcher dispatcher = Dispatcher.singleton();
                dispatcher.callBoxed(dispatcher.findSchemaOrThrow("aten::_fused_adamw_", ""), stack);
            }
        });
    }

    void clearGradients() {
        Scope.free(() -> {
            for (Tensor weight : weights.values()) {
                if (hasGradient(weight)) {
                    weight.mutable_grad().reset();
                }
            }
        });
    }

    private static boolean hasGradient(Tensor weight) {
        return Scope.value(() -> weight.grad().defined());
    }

    private static GenericList list() {
        return new GenericList(new TensorList().elementType());
    }

    /** All state, as {@code exp_avg.<weight>}, {@code exp_avg_sq.<weight>} and {@code step.<weight>}. */
    Map<String, Tensor> state() {
        Map<String, Tensor> state = new LinkedHashMap<>();
        slots.forEach((name, slot) -> {
            state.put("exp_avg." + name, slot.average());
            state.put("exp_avg_sq." + name, slot.square());
            state.put("step." + name, slot.step());
        });
        return state;
    }

    @Override
    public void close() {
        state().values().forEach(Scope::release);
        slots.clear();
    }
}
