package dev.smalti.exchange.onnx;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.ProtocolMessage;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** A graph of ONNX in the making: what goes in, what is computed in which order, what comes out, and the numbers that it knows. */
final class OnnxGraph {
    private final Map<String, Tensor> weights;
    private final Set<String> unused;
    private final Map<String, Known> known = new LinkedHashMap<>();
    private final List<ProtocolMessage> nodes = new ArrayList<>();
    private final List<ProtocolMessage> inputs = new ArrayList<>();
    private final List<ProtocolMessage> outputs = new ArrayList<>();

    /**
     * Numbers that are part of the graph.
     *
     * @param values made when they are written, contiguous on the CPU
     */
    record Known(String name, OnnxType type, long[] shape, Supplier<Tensor> values) {
        long bytes() {
            return Arrays.stream(shape).reduce(type.bytes(), Math::multiplyExact);
        }
    }

    /** @param weights of the network, by our names; they must live until the graph is written */
    OnnxGraph(Map<String, Tensor> weights) {
        this.weights = weights;
        this.unused = new TreeSet<>(weights.keySet());
    }

    /** The weights whose names begin with nothing. */
    OnnxPart part() {
        return new OnnxPart(this, "");
    }

    /** @param shape a whole number for a size that is known, a name for one that is not */
    OnnxValue input(String name, OnnxType type, Object... shape) {
        inputs.add(declared(name, type, shape));
        return new OnnxValue(this, name);
    }

    /** Says that a value is what comes out under a name. */
    void output(String name, OnnxValue value, OnnxType type, Object... shape) {
        outputs.add(declared(name, type, shape));
        nodes.add(node("Identity", name, Map.of(), List.of(value)));
    }

    /** What an operation makes of values, some of which may be null where they are optional. */
    OnnxValue compute(String operation, Map<String, Object> attributes, OnnxValue... of) {
        String name = "v" + nodes.size();
        nodes.add(node(operation, name, attributes, Arrays.asList(of)));
        return new OnnxValue(this, name);
    }

    boolean has(String weight) {
        return weights.containsKey(weight);
    }

    long[] shape(String weight) {
        return Dims.of(tensor(weight));
    }

    /** A weight in float32. */
    OnnxValue weight(String name) {
        return weight(name, "", UnaryOperator.identity());
    }

    /** A weight, changed; {@code suffix} tells it from the same one unchanged. */
    OnnxValue weight(String name, String suffix, UnaryOperator<Tensor> change) {
        Tensor tensor = tensor(name);
        unused.remove(name);
        return constant(name + suffix, () -> change.apply(tensor.detach().to(ScalarType.Float)));
    }

    private Tensor tensor(String name) {
        Tensor tensor = weights.get(name);
        if (tensor == null) {
            throw new IllegalStateException("the network has no weight named " + name);
        }
        return tensor;
    }

    /** Weights that were computed with, and nothing else is to be known of. */
    void leaveOut(String... prefixes) {
        unused.removeIf(name -> Arrays.stream(prefixes).anyMatch(name::startsWith));
    }

    /** @throws IllegalStateException if the network has weights that the graph doesn't use */
    void check() {
        if (!unused.isEmpty()) {
            throw new IllegalStateException(Phrase.of("the network has %d weights that its graph does without: %s")
                    .with(unused.size(), unused.stream().limit(3).toList()));
        }
    }

    /** Numbers of any type, under a name that tells them from all others. */
    OnnxValue constant(String name, Supplier<Tensor> values) {
        known.computeIfAbsent(
                name,
                missing -> Scope.value(() -> {
                    Tensor sketch = values.get();
                    return new Known(name, type(sketch), Dims.of(sketch), values);
                }));
        return new OnnxValue(this, name);
    }

    private static OnnxType type(Tensor tensor) {
        return switch (tensor.scalar_type().intern()) {
            case Float -> OnnxType.FLOAT;
            case Long -> OnnxType.INT64;
            default -> throw new IllegalStateException("a graph knows float32 and int64, got " + tensor.scalar_type());
        };
    }

    /** int64 [n] */
    OnnxValue whole(long... values) {
        return constant("whole" + Arrays.toString(values), () -> Tensors.longs(values));
    }

    /** int64 [] */
    OnnxValue index(long value) {
        return constant("index" + value, () -> Tensors.longs(value).squeeze(0));
    }

    /** float32 [] */
    OnnxValue real(double value) {
        return constant("real" + value, () -> Tensors.floats((float) value).squeeze(0));
    }

    /** float32 [n] of one value. */
    OnnxValue reals(double value, long count) {
        return constant("reals" + value + "x" + count, () -> Tensors.ones(count).mul(new Scalar(value)));
    }

    List<ProtocolMessage> nodes() {
        return nodes;
    }

    List<ProtocolMessage> inputs() {
        return inputs;
    }

    List<ProtocolMessage> outputs() {
        return outputs;
    }

    List<Known> known() {
        return List.copyOf(known.values());
    }

    /** A NodeProto. */
    private static ProtocolMessage node(
            String operation, String out, Map<String, Object> attributes, List<OnnxValue> of) {
        ProtocolMessage node = new ProtocolMessage();
        of.forEach(each -> node.text(1, each == null ? "" : each.name()));
        node.text(2, out).text(3, operation + "_" + out).text(4, operation);
        attributes.forEach((name, value) -> node.message(5, attribute(name, value)));
        return node;
    }

    /** An AttributeProto. */
    private static ProtocolMessage attribute(String name, Object value) {
        ProtocolMessage attribute = new ProtocolMessage().text(1, name);
        if (value instanceof Float number) {
            return attribute.real(2, number).number(20, 1);
        }
        if (value instanceof Integer number) {
            return attribute.number(3, number).number(20, 2);
        }
        if (value instanceof String text) {
            return attribute.text(4, text).number(20, 3);
        }
        for (long number : (long[]) value) {
            attribute.number(8, number);
        }
        return attribute.number(20, 7);
    }

    /** A ValueInfoProto. */
    private static ProtocolMessage declared(String name, OnnxType type, Object... shape) {
        ProtocolMessage sizes = new ProtocolMessage();
        for (Object size : shape) {
            ProtocolMessage dimension = new ProtocolMessage();
            sizes.message(
                    1,
                    size instanceof Number number
                            ? dimension.number(1, number.longValue())
                            : dimension.text(2, size.toString()));
        }
        ProtocolMessage tensor = new ProtocolMessage().number(1, type.code()).message(2, sizes);
        return new ProtocolMessage().text(1, name).message(2, new ProtocolMessage().message(1, tensor));
    }
}
