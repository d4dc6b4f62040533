package dev.smalti.tensor;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;

/** A container of named tensors that was opened: what is in it is known, and the numbers are still in the file. */
interface WeightSource extends AutoCloseable {
    /** In words. */
    String container();

    /** The files that it lies in, in the order of their names. */
    List<Path> files();

    /** Sizes by name, in the order of the file. */
    Map<String, long[]> shapes();

    /** The type of a tensor that is there, under the name that safetensors has for it. */
    String dtype(String name);

    /** Numbers, words and truths by name. */
    Map<String, String> settings();

    /** What else lies under a name, by its class. */
    default Map<String, String> others() {
        return Map.of();
    }

    /** How many things of which class were not made. */
    default Map<String, Integer> foreign() {
        return Map.of();
    }

    /** Reads a tensor that is there. */
    Tensor tensor(String name);

    @Override
    void close();
}
