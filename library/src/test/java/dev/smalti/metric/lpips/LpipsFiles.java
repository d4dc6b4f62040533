package dev.smalti.metric.lpips;

import dev.smalti.WeightRule;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Weight files of LPIPS with made-up numbers: networks by the fixture's rule, and distances drawn at random. */
public final class LpipsFiles {
    private LpipsFiles() {}

    /** The seed of the fixture's rule. */
    static int seed(Net net) {
        return net == Net.ALEX ? 1 : 2;
    }

    static Map<String, Tensor> network(Net net) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        net.backboneShapes().forEach((name, shape) -> weights.put(name, WeightRule.weight(name, shape, seed(net))));
        return weights;
    }

    static Map<String, Tensor> distance(Net net) {
        Map<String, Tensor> weights = new LinkedHashMap<>();
        net.linearShapes()
                .forEach((name, shape) -> weights.put(
                        name,
                        Tensors.uniform(new Seed(7).child(name).generator(), shape)
                                .div(new Scalar(10.0))
                                .to(ScalarType.Float)));
        return weights;
    }

    /** Writes the network's weights into {@code folder}. */
    public static Path backbone(Net net, Path folder) {
        return write(folder.resolve(net.label() + "-backbone.safetensors"), () -> network(net));
    }

    /** Writes the distance's weights into {@code folder}. */
    public static Path linear(Net net, Path folder) {
        return write(folder.resolve(net.label() + "-linear.safetensors"), () -> distance(net));
    }

    static Path write(Path file, java.util.function.Supplier<Map<String, Tensor>> weights) {
        Scope.free(() -> TensorFile.write(file, weights.get(), Map.of()));
        return file;
    }
}
