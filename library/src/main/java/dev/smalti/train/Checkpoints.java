package dev.smalti.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.smalti.distributed.Group;
import dev.smalti.network.Blueprint;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.JsonFile;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
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
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * Writes and reads {@code checkpoint-<step>} folders: {@code weights.safetensors}, {@code averaged.safetensors},
 * {@code optimizer.safetensors} and {@code state.json} with the step and the seed from which all randomness grows. The
 * first player's tensors have their plain names, those of the others begin with the player's name and a slash.
 *
 * <p>A checkpoint is written beside its place and then renamed, so one that is there is whole. {@link BestCheckpoint} says which is
 * the best, where that is kept.
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

    /** Clears what a killed process was about to. */
    @Override
    public void started(Run run) {
        try {
            prune();
        } catch (IOException e) {
            throw new UncheckedIOException(this.run + " cannot be cleared of old checkpoints", e);
        }
    }

    @Override
    public void stepped(Run run) {
        if (run.step() % configuration.checkpointEvery() == 0 || run.complete()) {
            write(run.step());
        }
    }

    @Override
    public void stopped(Run run) {
        if (run.step() != newest && run.step() > run.begun()) {
            write(run.step());
        }
    }

    /** Whether the recipe says so, or the run has one already: what is marked as the best must stay that. */
    boolean keepsBest() {
        return configuration.keepBest() || best(run).isPresent();
    }

    /** Marks the checkpoint of a step as the best, and writes it first if it isn't there yet; the former one may go. */
    void keepBest(BestCheckpoint best) {
        if (best.step() != newest) {
            write(best.step());
        }
        try {
            best.write(run);
            prune();
        } catch (IOException e) {
            throw new IllegalStateException("the best checkpoint of " + run + " could not be marked: " + reason(e), e);
        }
    }

    private void write(long step) {
        Path folder = path(run, step);
        Path beside = run.resolve(PREFIX + step + ".partial");
        try {
            delete(beside);
            Files.createDirectories(beside);
            Map<String, Tensor> weights = weights();
            Map<String, Tensor> averaged = averaged();
            refuseWhatIsNotFinite(weights, step);
            Map<String, String> metadata = Map.of("format", "smalti", "step", Long.toString(step));
            TensorFile.write(beside.resolve("weights.safetensors"), weights, metadata);
            if (!averaged.isEmpty()) {
                TensorFile.write(beside.resolve("averaged.safetensors"), averaged, metadata);
            }
            TensorFile.write(beside.resolve("optimizer.safetensors"), optimizer(), metadata);
            Map<String, Long> updates = new LinkedHashMap<>();
            averaging()
                    .forEach(each ->
                            updates.put(each.objective().name(), each.average().updates()));
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

    /** Leaves the newest, and the best wherever it is. */
    private void prune() throws IOException {
        List<Path> all = all(run);
        Path best = best(run).orElse(null);
        for (Path old : all.subList(0, Math.max(0, all.size() - configuration.keep()))) {
            if (!old.equals(best)) {
                delete(old);
            }
        }
    }

    private Map<String, Tensor> weights() {
        return named(players, player -> player.objective().parameters().all());
    }

    private Map<String, Tensor> optimizer() {
        return named(players, player -> player.optimizer().state());
    }

    private Map<String, Tensor> averaged() {
        return named(averaging(), player -> player.average().tensors());
    }

    private List<Player<?>> averaging() {
        List<Player<?>> averaging = new ArrayList<>(players);
        averaging.removeIf(player -> player.average() == null);
        return averaging;
    }

    /** Tensors of all these, by the names that they have in files. */
    private Map<String, Tensor> named(List<? extends Player<?>> of, Function<Player<?>, Map<String, Tensor>> tensors) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        for (Player<?> player : of) {
            String prefix = player == players.get(0) ? "" : player.objective().name() + "/";
            tensors.apply(player).forEach((name, tensor) -> all.put(prefix + name, tensor));
        }
        return all;
    }

    /**
     * Reads a checkpoint of the same players back, once the headers of its files say that all of it fits.
     *
     * @return its step
     * @throws IllegalArgumentException naming the file and what is wrong in it if it is damaged, or of other players
     */
    public long read(Path checkpoint) {
        try {
            JsonNode state = state(checkpoint);
            Map<String, Map<String, Tensor>> files = new LinkedHashMap<>();
            files.put("weights.safetensors", weights());
            files.put("optimizer.safetensors", optimizer());
            if (!averaging().isEmpty()) {
                files.put("averaged.safetensors", averaged());
            }
            files.forEach((name, wanted) -> check(checkpoint.resolve(name), wanted));
            files.forEach((name, wanted) -> copy(checkpoint.resolve(name), wanted));
            averaging().forEach(each -> each.average()
                    .updates(state.path("average_updates")
                            .path(each.objective().name())
                            .asLong()));
            sums.restore(state.path("since_last_line"));
            newest = state.path("step").asLong();
            return newest;
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(e.getMessage() + ". " + wayOut(checkpoint), e);
        }
    }

    /**
     * Gives all processes what the first one has read, or begins with: all that steps change but the averages, which the first
     * one alone keeps.
     *
     * @param step that it has read
     * @return the same in all
     */
    public long share(Group group, long step) {
        return Scope.value(() -> {
            Tensor at = Tensors.longs(step);
            List<Tensor> all = new ArrayList<>(weights().values());
            all.addAll(optimizer().values());
            all.add(at);
            group.broadcast(all);
            return at.item_long();
        });
    }

    private String wayOut(Path checkpoint) {
        List<Path> others = all(run);
        others.remove(checkpoint);
        return "If it belongs to another recipe, resume with that of its own run folder; if it is damaged, delete "
                + checkpoint.getFileName() + " and "
                + (others.isEmpty()
                        ? "begin anew in another folder"
                        : "go on from " + others.get(others.size() - 1).getFileName());
    }

    /** By the header alone. Files may hold more: what another recipe trained beside the same network. */
    private void check(Path file, Map<String, Tensor> wanted) {
        try (TensorFile open = TensorFile.open(file)) {
            Map<String, long[]> given = open.shapes();
            boolean weights = file.getFileName().toString().startsWith("weights");
            given.keySet().removeIf(name -> !wanted.containsKey(name) && !(weights && ofOurs(name)));
            Blueprint.of(wanted).check(given);
        } catch (BadFileException e) {
            throw e;
        } catch (IllegalArgumentException e) {
            throw new BadFileException(file, e.getMessage(), e);
        }
    }

    private boolean ofOurs(String name) {
        return !name.contains("/")
                || players.stream()
                        .anyMatch(each -> name.startsWith(each.objective().name() + "/"));
    }

    private static void copy(Path file, Map<String, Tensor> to) {
        try (TensorFile open = TensorFile.open(file);
                NoGradGuard guard = new NoGradGuard()) {
            to.forEach((name, tensor) -> Scope.free(() -> tensor.copy_(open.tensor(name))));
        }
    }

    /** The newest whole checkpoint of a run folder. */
    public static Optional<Path> latest(Path run) {
        List<Path> all = all(run);
        return all.isEmpty() ? Optional.empty() : Optional.of(all.get(all.size() - 1));
    }

    /** The one that is marked as the best; empty where none is. */
    public static Optional<Path> best(Path run) {
        return BestCheckpoint.of(run).map(best -> best.path(run));
    }

    /** The one that is opened where nothing else is asked for: the best where one is marked, else the newest. */
    public static Optional<Path> usual(Path run) {
        return best(run).or(() -> latest(run));
    }

    /**
     * The one of a run folder that has some.
     *
     * @param which {@code auto} for the {@linkplain #usual usual} one, {@code best}, {@code last}, or a step
     * @throws IllegalArgumentException listing those that are there if this one isn't
     */
    public static Path chosen(Path run, String which) {
        Optional<Path> found =
                switch (which) {
                    case "auto" -> usual(run);
                    case "best" -> best(run);
                    case "last" -> latest(run);
                    default ->
                        all(run).stream()
                                .filter(each -> which.equals(Long.toString(step(each))))
                                .findFirst();
                };
        String message = which.equals("best")
                ? "%2$s has no best checkpoint, which training.keep_best keeps: give last or a step, of %3$s"
                : "checkpoint must be auto, best, last or the step of one that is there, got %1$s: %2$s has %3$s";
        return found.orElseThrow(
                () -> new IllegalArgumentException(Phrase.of(message).with(Excerpt.of(which), run, list(run))));
    }

    private static String list(Path run) {
        Optional<Path> best = best(run);
        Optional<Path> last = latest(run);
        List<String> names = new ArrayList<>();
        for (Path each : all(run)) {
            List<String> roles = new ArrayList<>();
            best.filter(each::equals).ifPresent(one -> roles.add("the best"));
            last.filter(each::equals).ifPresent(one -> roles.add("the last"));
            names.add(step(each) + (roles.isEmpty() ? "" : " (" + String.join(" and ", roles) + ")"));
        }
        return String.join(", ", names);
    }

    /** The steps of those that are there, ascending. */
    public static List<Long> steps(Path run) {
        return all(run).stream().map(Checkpoints::step).toList();
    }

    /** Where that of a step is or would be. */
    static Path path(Path run, long step) {
        return run.resolve(PREFIX + step);
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
        JsonNode state = JsonFile.read(file);
        int format = state.path("format").asInt();
        if (format != FORMAT) {
            throw new BadFileException(
                    file,
                    "has format " + format + ", and this version reads " + FORMAT
                            + ": resume with the version that wrote it (see provenance.json)");
        }
        if (!state.path("step").isIntegralNumber() || state.path("step").asLong() != step(checkpoint)) {
            throw new BadFileException(
                    file,
                    Phrase.of("step must be %d as in the folder's name, got %s")
                            .with(
                                    step(checkpoint),
                                    Excerpt.of(state.path("step").toString())));
        }
        return state;
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
