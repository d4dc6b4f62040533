package dev.smalti.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.JsonFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code best.json} of a run folder says: which of its checkpoints had the least held-out measure so far. It is written behind
 * that checkpoint and before the measure's line in {@code metrics.jsonl}, so a run that is killed between two of them
 * measures again when it goes on, and writes the same.
 *
 * @param step of the checkpoint
 * @param measure what decided, without {@code held_out.}
 * @param value of it
 */
public record BestCheckpoint(long step, String measure, double value) {
    private static final int FORMAT = 1;
    private static final String NAME = "best.json";

    /**
     * That of a run folder; empty where none is marked, or the one that is marked has been deleted.
     *
     * @throws BadFileException naming the file if it is damaged
     */
    public static Optional<BestCheckpoint> of(Path run) {
        Path file = run.resolve(NAME);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        JsonNode tree = JsonFile.read(file);
        if (tree.path("format").asInt() != FORMAT || !tree.path("step").isIntegralNumber()) {
            throw new BadFileException(
                    file,
                    "must have format " + FORMAT + " and the step of a checkpoint, got "
                            + Excerpt.of(tree.path("format").toString()) + " and "
                            + Excerpt.of(tree.path("step").toString())
                            + "; delete it, and the newest checkpoint is opened");
        }
        BestCheckpoint best = new BestCheckpoint(
                tree.path("step").asLong(),
                Excerpt.of(tree.path("measure").asText()),
                tree.path("value").asDouble());
        return Files.isDirectory(best.path(run)) ? Optional.of(best) : Optional.empty();
    }

    /** The checkpoint itself. */
    public Path path(Path run) {
        return Checkpoints.path(run, step);
    }

    /** Marks the checkpoint, which is there. */
    void write(Path run) throws IOException {
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("format", FORMAT);
        facts.put("step", step);
        facts.put("measure", measure);
        facts.put("value", value);
        try (AtomicFile beside = AtomicFile.of(run.resolve(NAME))) {
            Files.writeString(
                    beside.path(),
                    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(facts) + "\n");
            beside.commit();
        }
    }
}
