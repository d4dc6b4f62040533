package dev.smalti.exchange.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** What tests of graphs have in common. */
final class Written {
    private Written() {}

    static void of(OnnxGraph graph, Path file, int opset) {
        try {
            new OnnxFile(graph, opset, Map.of()).write(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Within 1e-4 of the largest magnitude. */
    static void near(Tensor theirs, Tensor ours) {
        assertThat(Dims.of(theirs)).isEqualTo(Dims.of(ours));
        double[] expected = Tensors.toDoubles(ours);
        double[] actual = Tensors.toDoubles(theirs);
        double largest = 0;
        for (double each : expected) {
            largest = Math.max(largest, Math.abs(each));
        }
        assertThat(largest).isPositive();
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).as("at %d", i).isCloseTo(expected[i], within(1e-4 * Math.max(1, largest)));
        }
    }
}
