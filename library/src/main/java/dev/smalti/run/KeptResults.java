package dev.smalti.run;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * A folder that keeps results from one run to the next, a JSON file for each: {@code <name>-<key>.json}, where the key is a hash of
 * all that the result depends on. A file is there wholly or not at all.
 */
public final class KeptResults {
    public static final JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    private final Path folder;

    public KeptResults(Path folder) {
        this.folder = folder;
        Outputs.makeFolder("--out", folder);
    }

    /** @param depends all that the result depends on, by name */
    public Path file(String name, Map<String, ?> depends) {
        return folder.resolve(name + "-" + Identity.of(depends).sha256(16) + ".json");
    }

    /** @throws JobException if the file holds something else */
    public <T> Optional<T> find(Path file, Class<T> type) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            return Optional.ofNullable(JSON.readValue(file.toFile(), type));
        } catch (IOException e) {
            throw new JobException(file + " is not a result that can be read: delete it, and it is measured again", e);
        }
    }

    public static void keep(Path file, Object result) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            JSON.writeValue(beside.path().toFile(), result);
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }
}
