package dev.smalti.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenWriter;
import dev.smalti.token.TokenWriter.Column;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * A token file, or a folder of several, that grows batch by batch and takes its name when it is complete. One that is to be
 * gone on with stays beside its place when it is closed too early, with a file that says what it depends on and how much is
 * there.
 */
public final class TokenOutput implements AutoCloseable {
    private static final String STATE = "state.json";
    private static final String ANEW = ": delete it, and all is written anew";
    private static final Pattern SHARD = Pattern.compile("\\d{5,}\\.safetensors");
    private static final long SAVED_EVERY = 10_000_000_000L; // nanoseconds

    private final Target target;
    private final Claim claim;
    private final TokenFile.Builder facts;
    private final long count;
    private final Set<Column> columns;
    private final Identity request;
    private final Path part; // folder of what is written; null if that is the file itself
    private TokenWriter writer; // of the file that isn't full yet
    private long grids;
    private long items;
    private long saved;
    private boolean finished;

    /**
     * Where tokens go.
     *
     * @param path a file, or with shards a new or empty folder
     * @param shard grids a file; 0 for one file
     * @param resume keeps what there is when the work is stopped, and goes on with what an earlier one left
     */
    public record Target(Path path, long shard, boolean resume) {
        public Target {
            if (shard < 0) {
                throw new JobException("a file must hold at least 1 grid, got " + shard);
            }
        }

        /** One file, of which nothing stays if it isn't completed. */
        public static Target file(Path path) {
            return new Target(path, 0, false);
        }

        /** A process that was killed when all was done may have left the state of nothing. */
        private void forget() {
            if (!Files.isDirectory(kept()) || !TokenFile.files(kept()).isEmpty()) {
                return;
            }
            try (Claim claim = Claim.beside(path)) {
                Files.deleteIfExists(kept().resolve(STATE));
                Files.deleteIfExists(kept());
            } catch (IOException | JobException e) {
                // it is of others, or being worked on
            }
        }

        /** What is kept of it until it is complete. */
        private Path kept() {
            return path.toAbsolutePath().resolveSibling("." + path.getFileName() + ".part");
        }

        /** @throws JobException if that can't be written, or has something in it that would be lost */
        public void check() {
            if (resume && Files.exists(path)) {
                forget();
                throw new JobException(
                        path + " is there already, and --resume needs an --out that is not: choose another");
            }
            if (shard == 0) {
                Outputs.file("--out", path);
            } else {
                Outputs.emptyFolder("--out", path);
                Outputs.makeFolder("--out", path.toAbsolutePath().getParent());
            }
        }
    }

    /** How far an earlier one came. */
    private record State(JsonNode request, long grids, long items) {}

    /**
     * @param facts all but codes, labels and noise seeds
     * @param count how many grids will come, or the most
     * @param columns what comes with each grid
     * @param request all that the tokens depend on; compared where the target is gone on with
     * @throws JobException if what is left was of another request
     */
    public TokenOutput(Target target, TokenFile.Builder facts, long count, Set<Column> columns, Identity request) {
        target.check();
        this.target = target;
        this.facts = facts;
        this.count = count;
        this.columns = columns;
        this.request = request;
        this.part = part(target);
        this.claim = Claim.beside(target.path());
        try {
            target.check(); // another process may have finished meanwhile
            prepare();
        } catch (RuntimeException e) {
            claim.close();
            throw e;
        }
    }

    private void prepare() {
        if (part == null) {
            return;
        }
        try {
            if (target.shard() > 0) {
                AtomicFile.discard(
                        target.path()); // it is empty; fails now, and not when all is done, where it can't be replaced
            }
            Files.createDirectories(part);
            if (target.resume()) {
                begin();
            }
        } catch (IOException e) {
            throw Outputs.failure(target.path(), e);
        }
    }

    private static Path part(Target target) {
        if (target.resume()) {
            return target.kept();
        }
        return target.shard() == 0 ? null : AtomicFile.of(target.path()).path();
    }

    private void begin() throws IOException {
        Path file = part.resolve(STATE);
        requireOwn();
        if (!Files.exists(file)) {
            for (Path shard : TokenFile.files(part)) { // nothing counts yet, and another request may have left them
                Files.delete(shard);
            }
            return;
        }
        State state = read(file);
        List<String> different = different(tree(request), state.request());
        if (!different.isEmpty()) {
            throw new JobException(
                    Phrase.of("%s holds tokens of another request (other: %s), which cannot be gone on with: give the")
                                    .with(part, String.join(", ", different))
                            + " same model and options as before, or delete it");
        }
        requireSaid(file, state.grids() >= 1 && state.grids() <= count);
        grids = state.grids();
        items = state.items();
    }

    private State read(Path file) {
        try {
            State state = KeptResults.JSON.readValue(file.toFile(), State.class);
            requireSaid(file, state != null && state.request() != null);
            return state;
        } catch (IOException e) {
            throw new JobException(file + " cannot be read" + ANEW, e);
        }
    }

    private static void requireSaid(Path file, boolean said) {
        if (!said) {
            throw new JobException(file + " does not say how far the tokens came" + ANEW);
        }
    }

    /** Deletes what a killed process was in the middle of. */
    private void requireOwn() throws IOException {
        try (Stream<Path> entries = Files.list(part)) {
            for (Path entry : entries.toList()) {
                String name = entry.getFileName().toString();
                if (Outputs.isOwn(name)) {
                    AtomicFile.discard(entry);
                } else if (!name.equals(STATE) && !SHARD.matcher(name).matches()) {
                    throw new JobException(part + " holds something else than tokens, " + name
                            + ", and is not gone on with: delete it");
                }
            }
        }
    }

    private static JsonNode tree(Identity request) {
        try {
            return KeptResults.JSON.readTree(request.json());
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("an identity is JSON", e);
        }
    }

    private static List<String> different(JsonNode own, JsonNode given) {
        Set<String> names = new LinkedHashSet<>();
        own.fieldNames().forEachRemaining(names::add);
        given.fieldNames().forEachRemaining(names::add);
        return names.stream()
                .filter(name -> !Objects.equals(own.get(name), given.get(name)))
                .toList();
    }

    /** How many grids are there. */
    public long grids() {
        return grids;
    }

    /** How many images, or whatever the grids were made of, are done with: that which was last told to {@link #add}. */
    public long items() {
        return items;
    }

    /**
     * Writes the next grids.
     *
     * @param codes [B, h, w] or [B, T, h, w]
     * @param labels [B]; null without that column
     * @param noiseSeeds [B]; null without that column
     * @param items with what to go on after these
     */
    public void add(Tensor codes, Tensor labels, Tensor noiseSeeds, long items) {
        long size = codes.size(0);
        long at = 0;
        while (at < size) {
            if (writer == null) {
                writer = writer(grids + at);
            }
            long begin = at;
            long taken = Math.min(size - at, writer.count() - writer.done());
            Scope.free(() -> writer.add(
                    codes.narrow(0, begin, taken),
                    labels == null ? null : labels.narrow(0, begin, taken),
                    noiseSeeds == null ? null : noiseSeeds.narrow(0, begin, taken)));
            at += taken;
            if (writer.done() == writer.count() && grids + at < count) {
                end();
            }
        }
        this.grids += size;
        this.items = items;
        if (target.resume() && (saved == 0 || System.nanoTime() - saved >= SAVED_EVERY)) {
            save();
        }
    }

    private TokenWriter writer(long first) {
        if (part == null) {
            return TokenWriter.of(target.path(), facts, count, columns);
        }
        long number = first / full();
        long before = number * full();
        return TokenWriter.inPlace(file(number), facts, Math.min(full(), count - before), columns, first - before);
    }

    /** How many grids a file has that isn't the last. */
    private long full() {
        return target.shard() == 0 ? count : target.shard();
    }

    private Path file(long number) {
        int digits = Math.max(5, Long.toString((count - 1) / full()).length()); // so that names sort as numbers
        return part.resolve(Phrase.of("%0" + digits + "d.safetensors").with(number));
    }

    private void end() {
        writer.finish();
        writer.close();
        writer = null;
    }

    /** The grids first, so that the state never counts what isn't there. */
    private void save() {
        if (writer != null) {
            writer.force();
        }
        JsonNode named = tree(request);
        KeptResults.keep(part.resolve(STATE), new State(named, grids, items));
        saved = System.nanoTime();
    }

    /** @throws IllegalStateException if there are no grids */
    public void finish() {
        if (grids == 0) {
            throw new IllegalStateException(target.path() + " needs at least one grid, got none");
        }
        if (target.resume()) {
            save(); // now all that is left is to give the last file its length and its name
        }
        long inLast = grids % full();
        if (writer == null && inLast > 0 && grids < count && rows(file(grids / full())) != inLast) {
            writer = writer(grids); // an earlier run wrote all that there is of it
        }
        if (writer != null) {
            end();
        }
        finished = true;
        if (part == null) {
            return;
        }
        try {
            if (target.shard() == 0) {
                Files.move(file(0), target.path(), StandardCopyOption.ATOMIC_MOVE);
                AtomicFile.discard(part);
            } else {
                Files.move(part, target.path(), StandardCopyOption.ATOMIC_MOVE);
                Files.deleteIfExists(target.path().resolve(STATE));
            }
        } catch (IOException e) {
            throw Outputs.failure(target.path(), e);
        }
    }

    private static long rows(Path file) {
        try (TensorFile tensors = TensorFile.open(file)) {
            return tensors.shape("codes")[0];
        }
    }

    /** Drops what was written, if it isn't finished and nobody will go on with it. */
    @Override
    public void close() {
        try (claim) {
            end(target.resume() && !finished && grids > 0);
        }
    }

    private void end(boolean goesOn) {
        try {
            if (goesOn) {
                save();
            }
        } catch (UncheckedIOException | IllegalStateException e) {
            // what was saved before still holds, and an error here must not hide the one before
        } finally {
            if (writer != null) {
                writer.close();
            }
            if (part != null && !finished && !goesOn) {
                AtomicFile.discard(part);
            }
        }
    }
}
