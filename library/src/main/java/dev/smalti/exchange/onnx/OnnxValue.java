package dev.smalti.exchange.onnx;

import dev.smalti.tensor.Tensors;
import java.util.Map;

/** A value in a graph, and what can be computed of it. */
final class OnnxValue {
    private final OnnxGraph graph;
    private final String name;

    OnnxValue(OnnxGraph graph, String name) {
        this.graph = graph;
        this.name = name;
    }

    String name() {
        return name;
    }

    OnnxGraph graph() {
        return graph;
    }

    private OnnxValue compute(String operation, OnnxValue... others) {
        return compute(operation, Map.of(), others);
    }

    private OnnxValue compute(String operation, Map<String, Object> attributes, OnnxValue... others) {
        OnnxValue[] all = new OnnxValue[others.length + 1];
        all[0] = this;
        System.arraycopy(others, 0, all, 1, others.length);
        return graph.compute(operation, attributes, all);
    }

    OnnxValue plus(OnnxValue other) {
        return compute("Add", other);
    }

    OnnxValue plus(double number) {
        return plus(graph.real(number));
    }

    OnnxValue minus(OnnxValue other) {
        return compute("Sub", other);
    }

    OnnxValue times(OnnxValue other) {
        return compute("Mul", other);
    }

    OnnxValue times(double number) {
        return times(graph.real(number));
    }

    OnnxValue over(OnnxValue other) {
        return compute("Div", other);
    }

    OnnxValue matmul(OnnxValue other) {
        return compute("MatMul", other);
    }

    OnnxValue log() {
        return compute("Log");
    }

    OnnxValue sqrt() {
        return compute("Sqrt");
    }

    OnnxValue sin() {
        return compute("Sin");
    }

    OnnxValue cos() {
        return compute("Cos");
    }

    OnnxValue tanh() {
        return compute("Tanh");
    }

    OnnxValue sigmoid() {
        return compute("Sigmoid");
    }

    /** x σ(x) */
    OnnxValue silu() {
        return times(sigmoid());
    }

    /** x/2 (1 + erf(x/√2)), the exact one. */
    OnnxValue gelu() {
        return times(times(1 / Math.sqrt(2)).compute("Erf").plus(1)).times(0.5);
    }

    /** x/2 (1 + tanh(√(2/π) (x + 0.044715 x³))) */
    OnnxValue geluByTanh() {
        OnnxValue cubic = times(this).times(0.044715).plus(1).times(this);
        return times(cubic.times(Math.sqrt(2 / Math.PI)).tanh().plus(1)).times(0.5);
    }

    OnnxValue softmax() {
        return compute("Softmax", Map.of("axis", -1));
    }

    OnnxValue logSoftmax() {
        return compute("LogSoftmax", Map.of("axis", -1));
    }

    /** Along the last dimension, which stays as one. */
    OnnxValue sum() {
        return compute("ReduceSum", Map.of("keepdims", 1), graph.whole(-1));
    }

    /** The index of the smallest along the last dimension, which goes; the first of several. */
    OnnxValue argmin() {
        return compute("ArgMin", Map.of("axis", -1, "keepdims", 0));
    }

    /** The index of the largest along the last dimension, which goes; the first of several. */
    OnnxValue argmax() {
        return compute("ArgMax", Map.of("axis", -1, "keepdims", 0));
    }

    /** @param shape -1 for what remains, 0 for the size at the same place */
    OnnxValue reshape(long... shape) {
        return compute("Reshape", graph.whole(shape));
    }

    OnnxValue reshapeAs(OnnxValue other) {
        return compute("Reshape", other.compute("Shape"));
    }

    OnnxValue permute(long... order) {
        return compute("Transpose", Map.of("perm", order));
    }

    /** One more dimension, of size one, at a place. */
    OnnxValue unsqueeze(long at) {
        return compute("Unsqueeze", graph.whole(at));
    }

    /** From one index (inclusive) to another (exclusive). */
    OnnxValue slice(long dimension, long from, long to) {
        return compute("Slice", graph.whole(from), graph.whole(to), graph.whole(dimension));
    }

    /** What lies at an index of a dimension, which goes. */
    OnnxValue select(int dimension, long index) {
        return compute("Gather", Map.of("axis", dimension), graph.index(index));
    }

    /** The rows of this table of the given numbers. [N, D], int64 [...] -> [..., D] */
    OnnxValue rows(OnnxValue which) {
        return compute("Gather", Map.of("axis", 0), which);
    }

    OnnxValue concat(int dimension, OnnxValue... others) {
        return compute("Concat", Map.of("axis", dimension), others);
    }

    /** As large as it must be to fit a shape, an int64 [n]. */
    OnnxValue expand(OnnxValue shape) {
        return compute("Expand", shape);
    }

    /** The sizes from one dimension (inclusive) to another (exclusive), int64 [n]. */
    OnnxValue sizes(int from, int to) {
        return compute("Shape", Map.of("start", from, "end", to));
    }

    OnnxValue cast(OnnxType type) {
        return compute("Cast", Map.of("to", type.code()));
    }

    OnnxValue isEqual(OnnxValue other) {
        return compute("Equal", other);
    }

    /** Of a condition: one value where it holds, another elsewhere. */
    OnnxValue choose(OnnxValue yes, OnnxValue no) {
        return compute("Where", yes, no);
    }

    /** [B, C, H, W] -> [B, C, 2H, 2W], each value four times. */
    OnnxValue twiceAsLarge() {
        OnnxValue scales = graph.constant("twice", () -> Tensors.floats(1, 1, 2, 2));
        return compute(
                "Resize",
                Map.of("mode", "nearest", "coordinate_transformation_mode", "asymmetric", "nearest_mode", "floor"),
                null,
                scales);
    }

    /** [B, C, H, W] -> [B, C, H/2, W/2], the mean of each four. */
    OnnxValue halfAsLarge() {
        long[] two = {2, 2};
        return compute("AveragePool", Map.of("kernel_shape", two, "strides", two));
    }

    /** Channels become squares of places. [B, C·r², H, W] -> [B, C, H·r, W·r] */
    OnnxValue pixelShuffle(int factor) {
        return compute("DepthToSpace", Map.of("blocksize", factor, "mode", "CRD"));
    }

    /** Zeros to the right and at the bottom of a map. */
    OnnxValue padRightAndBottom() {
        return compute("Pad", graph.whole(0, 0, 0, 0, 0, 0, 1, 1));
    }

    /** @param bias null for none */
    OnnxValue convolve(OnnxValue weight, OnnxValue bias, long stride, long padding) {
        Map<String, Object> attributes =
                Map.of("strides", new long[] {stride, stride}, "pads", new long[] {padding, padding, padding, padding});
        return bias == null ? compute("Conv", attributes, weight) : compute("Conv", attributes, weight, bias);
    }

    /** Each of the rows of all but the first two dimensions with mean 0 and variance 1. [B, G, N] -> the same */
    OnnxValue normaliseEach(long groups, double epsilon) {
        return compute(
                "InstanceNormalization",
                Map.of("epsilon", (float) epsilon),
                graph.reals(1, groups),
                graph.reals(0, groups));
    }

    /** @param bias null for none */
    OnnxValue layerNorm(OnnxValue weight, OnnxValue bias, double epsilon) {
        Map<String, Object> attributes = Map.of("axis", -1, "epsilon", (float) epsilon);
        return bias == null
                ? compute("LayerNormalization", attributes, weight)
                : compute("LayerNormalization", attributes, weight, bias);
    }
}
