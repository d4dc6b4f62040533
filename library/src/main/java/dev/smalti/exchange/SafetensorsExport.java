package dev.smalti.exchange;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * The weights of a model as one file of safetensors, by our names, with all in its metadata that tells what they are of: {@code kind},
 * {@code recipe} as YAML, {@code codes}, {@code grid}, {@code classes} and {@code class_names} as JSON.
 */
public record SafetensorsExport(RunFolder run) {
    /**
     * Writes the file, whole or not at all.
     *
     * @param dtype of its weights
     * @throws JobException naming a weight that is too large for the type
     */
    public void write(Path file, ScalarType dtype) {
        Scope.free(() -> TensorFile.write(file, in(dtype, run.weights(), run.path()), metadata()));
    }

    /** What floats there are in another type. @param place for messages */
    static Map<String, Tensor> in(ScalarType dtype, Map<String, Tensor> weights, Path place) {
        Map<String, Tensor> converted = new LinkedHashMap<>();
        weights.forEach((name, tensor) -> converted.put(name, in(dtype, name, tensor, place)));
        return converted;
    }

    private static Tensor in(ScalarType dtype, String name, Tensor tensor, Path place) {
        if (!tensor.is_floating_point()) {
            return tensor;
        }
        return Scope.keep(() -> {
            Tensor made = tensor.to(dtype);
            if (!made.isfinite().all().item_bool() && tensor.isfinite().all().item_bool()) {
                throw new JobException(Phrase.of("the weight %s of %s is too large for fp16: take bf16 or fp32")
                        .with(name, place));
            }
            return made;
        });
    }

    private Map<String, String> metadata() {
        RunFolder.Description description = run.description();
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.put("kind", description.kind());
        metadata.put("codes", Integer.toString(description.codes()));
        metadata.put("grid", Phrase.of("%dx%d").with(description.height(), description.width()));
        metadata.put("classes", Integer.toString(description.classes()));
        try {
            metadata.put("class_names", new ObjectMapper().writeValueAsString(description.classNames()));
            metadata.put("recipe", Files.readString(run.path().resolve("recipe.yaml")));
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return metadata;
    }
}
