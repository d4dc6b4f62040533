package dev.smalti.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * Writes and reads {@code checkpoint-<step>} folders: {@code weights.safetensors}, {@code averaged.safetensors},
 * {@code optimizer.safetensors} and {@code state.json} with the step and the seed from which all randomness grows. The
 * first player's tensors have their plain names, those of the others begin with the player's name and a slash.
 *
 * <p>A checkpoint is written beside its place and then renamed, so one that is there is whole.
 */
public final class Checkpoints implements Watcher {
    private static final int FORMAT = 1;
    private static final String PREFIX = "checkpoint-";

    private final Path run;
    private final List<? extends Player<?>> players;
    private final TrainingConfiguration configuration;
    private final long seed;
    private final MeasureSums sums;
    private long newest = -1;

    /** @param sums of the steps since the last line of the log, which belong to a checkpoint too */
    public Checkpoints(
            Path run,
            List<? extends Player<?>> players,
            TrainingConfiguration configuration,
            long seed,
            MeasureSums sums) {
        this.run = run;
        this.players = players;
        this.configuration = configuration;
        this.seed = seed;
        this.sums = sums;
    }

    @Override
    public void stepped(Run run) {
        if (run.step() % configuration.checkpointEvery() == 0) {
            write(run.step());
        }
    }

    @Override
    public void stopped(Run run) {
        if (run.step() != newest && run.step() > run.begun()) {
            write(run.step());
        }
    }

    private void write(long step) {
        Path folder = run.resolve(PREFIX + step);
        Path beside = run.resolve(PREFIX + step + ".partial");
        try {
            delete(beside);
            Files.createDirectories(beside);
            Map<String, Tensor> weights = new LinkedHashMap<>();
            Map<String, Tensor> averaged = new LinkedHashMap<>();
            Map<String, Tensor> optimizer = new LinkedHashMap<>();
            Map<String, Long> updates = new LinkedHashMap<>();
            for (Player<?> player : players) {
                String prefix = prefix(player);
                player.objective().parameters().all().forEach((name, tensor) -> weights.put(prefix + name, tensor));
                player.optimizer().state().forEach((name, tensor) -> optimizer.put(prefix + name, tensor));
                if (player.average() != null) {
                    player.average().tensors().forEach((name, tensor) -> averaged.put(prefix + name, tensor));
                    updates.put(player.objective().name(), player.average().updates());
                }
            }
            refuseWhatIsNotFinite(weights, step);
            Map<String, String> metadata = Map.of("format", "smalti", "step", Long.toString(step));
            TensorFile.write(beside.resolve("weights.safetensors"), weights, metadata);
            if (!averaged.isEmpty()) {
                TensorFile.write(beside.resolve("averaged.safetensors"), averaged, metadata);
            }
            TensorFile.write(beside.resolve("optimizer.safetensors"), optimizer, metadata);
            Map<String, Object> state = new LinkedHashMap<>();
            state.put("format", FORMAT);
            state.put("step", step);
            state.put("seed", seed);
            state.put("average_updates", updates);
            if (!sums.state().isEmpty()) {
                state.put("since_last_line", sums.state());
            }
            Files.writeString(
                    beside.resolve("state.json"),
                    new ObjectMapper().writerWithDefaultPrettyPrinter().writeValueAsString(state) + "\n");
            delete(folder);
            Files.move(beside, folder, StandardCopyOption.ATOMIC_MOVE);
            newest = step;
            prune();
        } catch (IOException | RuntimeException e) {
            discard(beside);
            throw new IllegalStateException(
                    "checkpoint " + folder + " could not be written: " + reason(e)
                            + latest(run)
                                    .map(last -> "; the last good checkpoint is " + last)
                                    .orElse(""),
                    e);
        }
    }

    /** A loss shows in the next step what has gone wrong with the weights in this one; a checkpoint must not hold it. */
    private static void refuseWhatIsNotFinite(Map<String, Tensor> weights, long step) {
        weights.forEach((name, tensor) -> {
            boolean finite = Scope.value(() -> tensor.isfinite().all().item_bool());
            if (!finite) {
                throw new IllegalStateException("weight " + name + " is not finite after step " + step
                        + "; go on from an earlier checkpoint with --resume and a lower --set training.learning_rate");
            }
        });
    }

    private static String reason(Exception e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    private static void discard(Path folder) {
        try {
            delete(folder);
        } catch (IOException e) {
            // what could not be written can't always be deleted either; the next run does
        }
    }

    private void prune() throws IOException {
        List<Path> all = all(run);
        for (Path old : all.subList(0, Math.max(0, all.size() - configuration.keep()))) {
            delete(old);
        }
    }

    private String prefix(Player<?> player) {
        return player == players.get(0) ? "" : player.objective().name() + "/";
    }

    /**
     * Reads a checkpoint of the same players back.
     *
     * @return its step
     */
    public long read(Path checkpoint) {
        JsonNode state = state(checkpoint);
        Scope.free(() -> {
            try (NoGradGuard guard = new NoGradGuard()) {
                Map<String, Tensor> weights = tensors(checkpoint.resolve("weights.safetensors"));
                Map<String, Tensor> optimizer = tensors(checkpoint.resolve("optimizer.safetensors"));
                Path averagedFile = checkpoint.resolve("averaged.safetensors");
                Map<String, Tensor> averaged = Files.exists(averagedFile) ? tensors(averagedFile) : Map.of();
                for (Player<?> player : players) {
                    String prefix = prefix(player);
                    player.objective().parameters().load(part(weights, prefix));
                    copy(part(optimizer, prefix), player.optimizer().state(), checkpoint);
                    if (player.average() != null) {
                        copy(part(averaged, prefix), player.average().tensors(), checkpoint);
                        player.average()
                                .updates(state.path("average_updates")
                                        .path(player.objective().name())
                                        .asLong());
                    }
                }
            }
        });
        sums.restore(state.path("since_last_line"));
        newest = state.path("step").asLong();
        return newest;
    }

    private static Map<String, Tensor> part(Map<String, Tensor> all, String prefix) {
        Map<String, Tensor> part = new LinkedHashMap<>();
        all.forEach((name, tensor) -> {
            if (prefix.isEmpty() ? !name.contains("/") : name.startsWith(prefix)) {
                part.put(name.substring(prefix.length()), tensor);
            }
        });
        return part;
    }

    private static void copy(Map<String, Tensor> from, Map<String, Tensor> to, Path checkpoint) {
        to.forEach((name, tensor) -> {
            if (!from.containsKey(name)) {
                throw new IllegalArgumentException(checkpoint + " has no tensor " + name
                        + ": it belongs to another recipe; resume with the recipe of its own run folder");
            }
            tensor.copy_(from.get(name));
        });
    }

    private static Map<String, Tensor> tensors(Path file) {
        try (TensorFile open = TensorFile.open(file)) {
            return open.tensors();
        }
    }

    /** The newest whole checkpoint of a run folder. */
    public static Optional<Path> latest(Path run) {
        List<Path> all = all(run);
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    private static List<Path> all(Path run) {
        if (!Files.isDirectory(run)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(run)) {
            return new ArrayList<>(
                    entries.filter(entry -> entry.getFileName().toString().matches(PREFIX + "\\d{1,18}"))
                            .sorted(Comparator.comparingLong(Checkpoints::step))
                            .toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The file with the weights to use: the averaged ones where there are any. */
    public static Path weights(Path checkpoint) {
        Path averaged = checkpoint.resolve("averaged.safetensors");
        return Files.exists(averaged) ? averaged : checkpoint.resolve("weights.safetensors");
    }

    /** The number in the folder's name. */
    public static long step(Path checkpoint) {
        return Long.parseLong(checkpoint.getFileName().toString().substring(PREFIX.length()));
    }

    /** {@code state.json}, checked. */
    private static JsonNode state(Path checkpoint) {
        Path file = checkpoint.resolve("state.json");
        try {
            JsonNode state = new ObjectMapper().readTree(Files.readString(file));
            int format = state.path("format").asInt();
            if (format != FORMAT) {
                throw new IllegalArgumentException(file + " has format " + format + ", and this version reads " + FORMAT
                        + ": resume with the version that wrote it (see provenance.json)");
            }
            return state;
        } catch (IOException e) {
            throw new IllegalArgumentException(file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static void delete(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> entries = Files.walk(folder)) {
            for (Path entry : entries.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(entry);
            }
        }
    }
}
