package dev.smalti.tensor;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** A {@link TensorFile} among the containers of weights. */
record SafetensorsWeights(Path file, TensorFile tensors) implements WeightSource {
    static SafetensorsWeights open(Path file) {
        return new SafetensorsWeights(file, TensorFile.open(file));
    }

    @Override
    public String container() {
        return "safetensors";
    }

    @Override
    public List<Path> files() {
        return List.of(file);
    }

    @Override
    public Map<String, long[]> shapes() {
        return tensors.shapes();
    }

    @Override
    public String dtype(String name) {
        return tensors.dtype(name);
    }

    @Override
    public Map<String, String> settings() {
        return tensors.metadata();
    }

    @Override
    public Tensor tensor(String name) {
        return tensors.tensor(name);
    }

    @Override
    public void close() {
        tensors.close();
    }
}
