package dev.smalti.train;

import dev.smalti.distributed.Group;
import dev.smalti.network.Parameters;
import dev.smalti.tensor.Operation;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * AdamW in one fused call for all weights. Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
 *
 * <p>libtorch's own optimizer class is not used: its two betas come out reversed under some C++ libraries, and the fused
 * kernel makes one pass over the weights.
 */
final class AdamW implements AutoCloseable {
    private static final double EPSILON = 1e-8;
    private static final Operation STEP = new Operation("aten::_fused_adamw_", "");
    private static final Operation NORMS = new Operation("aten::_foreach_norm", "Scalar");
    private static final Operation ADD = new Operation("aten::_foreach_add_", "Scalar");
    private static final Operation ADD_TENSOR = new Operation("aten::_foreach_add_", "Tensor");
    private static final Operation SCALE = new Operation("aten::_foreach_mul_", "Tensor");

    private final Map<String, Tensor> weights;
    private final double beta1;
    private final double beta2;
    private final double weightDecay;
    private final Map<String, Slot> slots = new LinkedHashMap<>();

    /** Of all weights, made once: to make them at each step takes longer than a GPU's work on them. */
    private final Lists all;

    private record Slot(Tensor average, Tensor square, Tensor step) {}

    /** What the kernel takes and changes of some weights. */
    private record Lists(GenericList weights, GenericList averages, GenericList squares, GenericList steps) {
        Lists() {
            this(Operation.tensors(), Operation.tensors(), Operation.tensors(), Operation.tensors());
        }

        void add(Tensor weight, Slot slot) {
            weights.push_back(new IValue(weight));
            averages.push_back(new IValue(slot.average()));
            squares.push_back(new IValue(slot.square()));
            steps.push_back(new IValue(slot.step()));
        }

        List<GenericList> each() {
            return List.of(weights, averages, squares, steps);
        }
    }

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
        this.all = Scope.value(() -> {
            Lists lists = lists(weights.keySet());
            lists.each().forEach(Scope::hold);
            return lists;
        });
    }

    private Lists lists(Collection<String> names) {
        Lists lists = new Lists();
        names.forEach(name -> lists.add(weights.get(name), slots.get(name)));
        return lists;
    }

    /** Adds the gradients to a list, and says which weights have one. */
    private List<String> gradients(GenericList gradients) {
        List<String> names = new ArrayList<>();
        weights.forEach((name, weight) -> {
            Tensor gradient = weight.grad();
            if (gradient.defined()) {
                gradients.push_back(new IValue(gradient));
                names.add(name);
            }
        });
        return names;
    }

    /** Makes each gradient the mean of those of all processes, which have one of the same weights. */
    void share(Group group) {
        if (group.size() == 1) {
            return;
        }
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                List<Tensor> all = new ArrayList<>();
                for (Tensor weight : weights.values()) {
                    Tensor gradient = weight.grad();
                    if (gradient.defined()) {
                        all.add(gradient);
                    }
                }
                group.sum(all);
                Scalar share = new Scalar(1.0 / group.size());
                all.forEach(each -> each.mul_(share));
            }
        });
    }

    /**
     * Scales the gradients to a norm of at most {@code most} and returns the norm that they had, []; 0 for no limit.
     * Nothing is read from the device.
     */
    Tensor clip(double most) {
        return Scope.keep(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                GenericList gradients = Operation.tensors();
                if (gradients(gradients).isEmpty()) {
                    return Tensors.zeros();
                }
                IValueVector norms = NORMS.call(new IValue(gradients), new IValue(new Scalar(2.0)), new IValue());
                Tensor norm = torch.stack(norms.get(0).toTensorVector()).norm();
                if (most > 0) {
                    Tensor factor = torch.full_like(norm, new Scalar(most)).div_(norm.add(new Scalar(1e-6)));
                    SCALE.call(new IValue(gradients), new IValue(factor.clamp_max(new Scalar(1.0))));
                }
                return norm;
            }
        });
    }

    /** One step against the gradients; weights without one stay. */
    void step(double rate) {
        step(rate, null);
    }

    /**
     * The same, decided on the device of the weights, so that nothing waits for it.
     *
     * @param flaw 1 if nothing is to change, else 0, float32 [1]; null for 0
     */
    void step(double rate, Tensor flaw) {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                GenericList gradients = Operation.tensors();
                List<String> names = gradients(gradients);
                if (names.isEmpty()) {
                    return;
                }
                Lists own = names.size() == weights.size() ? all : lists(names);
                if (flaw == null) {
                    ADD.call(new IValue(own.steps()), new IValue(new Scalar(1.0)));
                } else {
                    Tensor one = flaw.neg().add(new Scalar(1.0)).squeeze();
                    ADD_TENSOR.call(new IValue(own.steps()), new IValue(one), new IValue(new Scalar(1.0)));
                }
                STEP.call(
                        new IValue(own.weights()),
                        new IValue(gradients),
                        new IValue(own.averages()),
                        new IValue(own.squares()),
                        new IValue(Operation.tensors()),
                        new IValue(own.steps()),
                        new IValue(rate),
                        new IValue(beta1),
                        new IValue(beta2),
                        new IValue(weightDecay),
                        new IValue(EPSILON),
                        new IValue(false), // amsgrad
                        new IValue(false), // maximize
                        new IValue(), // grad_scale
                        flaw == null ? new IValue() : new IValue(flaw)); // found_inf
                names.forEach(name -> weights.get(name).unsafeGetTensorImpl().bump_version()); // the kernel doesn't
            }
        });
    }

    void clearGradients() {
        Scope.free(() -> {
            for (Tensor weight : weights.values()) {
                Tensor gradient = weight.mutable_grad();
                if (gradient.defined()) {
                    gradient.reset();
                }
            }
        });
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
        all.each().forEach(Scope::release);
        state().values().forEach(Scope::release);
        slots.clear();
    }
}
