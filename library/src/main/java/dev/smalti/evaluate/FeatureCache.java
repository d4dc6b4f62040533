package dev.smalti.evaluate;

import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.TensorFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;

/** A folder that keeps features of images from one evaluation to the next, a safetensors file for each request. */
final class FeatureCache {
    private final Path folder;

    /**
     * What was kept.
     *
     * @param counts of images, by name
     */
    record Entry(Map<String, Tensor> tensors, Map<String, String> counts) {}

    FeatureCache(Path folder) {
        this.folder = folder;
        Outputs.makeFolder("--cache", folder);
    }

    /** @param request all that the features depend on, by name */
    Optional<Entry> find(Map<String, String> request) {
        Path file = file(request);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try (TensorFile tensors = TensorFile.open(file)) {
            if (!tensors.metadata().entrySet().containsAll(request.entrySet())) {
                throw new JobException(file + " holds features of another request: delete it");
            }
            return Optional.of(new Entry(tensors.tensors(), tensors.metadata()));
        }
    }

    void keep(Map<String, String> request, Entry entry) {
        Map<String, String> metadata = new TreeMap<>(request);
        metadata.putAll(entry.counts());
        try (Claim claim = Claim.waiting(folder)) {
            TensorFile.write(file(request), entry.tensors(), metadata);
        }
    }

    private Path file(Map<String, String> request) {
        return folder.resolve("features-" + Identity.of(request).sha256(24) + ".safetensors");
    }
}
