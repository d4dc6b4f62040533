package dev.smalti.train;

import dev.smalti.network.Parameters;
import dev.smalti.tensor.Operation;
import dev.smalti.tensor.Scope;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/**
 * The exponential moving average of a network's weights; buffers are copied as they are. The decay after n updates is
 * min(decay, (1 + n) / (10 + n)).
 */
public final class MovingAverage implements AutoCloseable {
    /** Of all weights at once: on a GPU a call for each would take longer than the work. */
    private static final Operation LERP = new Operation("aten::_foreach_lerp_", "Scalar");

    private final Parameters parameters;
    private final double decay;
    private final Map<String, Tensor> average = new LinkedHashMap<>();
    private long updates;

    public MovingAverage(Parameters parameters, double decay) {
        this.parameters = parameters;
        this.decay = decay;
        Scope.free(() -> parameters
                .all()
                .forEach((name, tensor) ->
                        average.put(name, Scope.hold(tensor.detach().clone()))));
    }

    void update() {
        double now = Math.min(decay, (1.0 + updates) / (10.0 + updates));
        updates++;
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Scalar share = new Scalar(1 - now);
                GenericList averages = Operation.tensors();
                GenericList weights = Operation.tensors();
                parameters.weights().forEach((name, tensor) -> {
                    averages.push_back(new IValue(average.get(name)));
                    weights.push_back(new IValue(tensor));
                });
                if (!weights.empty()) {
                    LERP.call(new IValue(averages), new IValue(weights), new IValue(share));
                }
                parameters.buffers().forEach((name, tensor) -> average.get(name).copy_(tensor));
            }
        });
    }

    /** Runs {@code body} with the network's tensors exchanged for their averages. */
    public void with(Runnable body) {
        exchange();
        try {
            body.run();
        } finally {
            exchange();
        }
    }

    private void exchange() {
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                parameters.all().forEach((name, tensor) -> {
                    Tensor kept = tensor.detach().clone();
                    tensor.copy_(average.get(name));
                    average.get(name).copy_(kept);
                });
            }
        });
    }

    /** The averages, by the weights' names. */
    public Map<String, Tensor> tensors() {
        return average;
    }

    long updates() {
        return updates;
    }

    void updates(long updates) {
        this.updates = updates;
    }

    @Override
    public void close() {
        average.values().forEach(Scope::release);
        average.clear();
    }
}
