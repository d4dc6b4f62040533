package dev.smalti.exchange.onnx;

import dev.smalti.network.Parameters;
import dev.smalti.network.Rotary;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;

/** As {@link Rotary}, whose sines and cosines are numbers of the graph. */
final class OnnxRotary {
    private final OnnxGraph graph;
    private final long length;
    private final long channels;
    private final boolean adjacent;
    private final Function<Parameters, Rotary> rotary;

    private OnnxRotary(
            OnnxGraph graph, long length, long channels, boolean adjacent, Function<Parameters, Rotary> rotary) {
        this.graph = graph;
        this.length = length;
        this.channels = channels;
        this.adjacent = adjacent;
        this.rotary = rotary;
    }

    /** As {@link Rotary#line}. */
    static OnnxRotary line(OnnxGraph graph, long length, long channels) {
        return new OnnxRotary(graph, length, channels, false, part -> Rotary.line(part, length, channels));
    }

    /** As {@link Rotary#grid}. */
    static OnnxRotary grid(OnnxGraph graph, long height, long width, long channels) {
        return new OnnxRotary(
                graph, height * width, channels, true, part -> Rotary.grid(part, height, width, channels));
    }

    /** As {@link Rotary#afterClass}, of the class and all cells but the last. */
    static OnnxRotary afterClass(OnnxGraph graph, long height, long width, long channels) {
        return new OnnxRotary(
                graph, height * width, channels, true, part -> Rotary.afterClass(part, height, width, channels));
    }

    /** [B, H, L, d] -> the same */
    OnnxValue turn(OnnxValue x) {
        long half = channels / 2;
        OnnxValue cos = table("cos", Rotary::cos); // [L, d/2]
        OnnxValue sin = table("sin", Rotary::sin);
        OnnxValue pairs = adjacent ? x.reshape(0, 0, 0, half, 2) : null;
        OnnxValue a = adjacent ? pairs.select(-1, 0) : x.slice(-1, 0, half);
        OnnxValue b = adjacent ? pairs.select(-1, 1) : x.slice(-1, half, channels);
        OnnxValue first = a.times(cos).minus(b.times(sin));
        OnnxValue second = a.times(sin).plus(b.times(cos));
        return adjacent
                ? first.unsqueeze(-1).concat(-1, second.unsqueeze(-1)).reshape(0, 0, 0, channels)
                : first.concat(-1, second);
    }

    private OnnxValue table(String name, Function<Rotary, Tensor> which) {
        return graph.constant("rotary." + name, () -> {
            try (Parameters scratch = new Parameters(new Seed(0), Devices.cpu())) {
                return Scope.keep(() ->
                        which.apply(rotary.apply(scratch)).narrow(0, 0, length).clone());
            }
        });
    }
}
