package dev.smalti.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A folder that processes fill part by part, who know of each other by what lies there alone. A hidden file says what all of it is of,
 * and a part is there when the file of its name is, or its mark.
 */
public final class PartFolder {
    private static final int TRIES = 10;

    private final Path folder;
    private final Part part;
    private final Identity request;

    /**
     * @param request all that the parts depend on together, but for which of them this is
     * @throws JobException if the folder holds parts of another request, of another number, or something else
     */
    public PartFolder(Path folder, Part part, Identity request) {
        this.folder = folder;
        this.part = part;
        this.request = request;
        Outputs.makeFolder("--out", folder);
        announce(true);
    }

    /**
     * All parts.
     *
     * @param request that they are of, as {@link Identity#json}
     * @param files in order
     */
    public record Whole(String request, List<Path> files) {}

    /** @throws JobException naming a part that isn't there */
    public static Whole whole(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            List<Path> all = entries.sorted().toList();
            List<String> names =
                    all.stream().map(each -> each.getFileName().toString()).toList();
            String announcement = names.stream()
                    .filter(Part::isAnnouncement)
                    .findFirst()
                    .orElseThrow(() -> new JobException(folder + " holds no parts: make them with --part first"));
            Part.problem(names).ifPresent(problem -> {
                throw new JobException(folder + " is not whole: " + problem);
            });
            String request = Files.readString(folder.resolve(announcement));
            return new Whole(request, all.stream().filter(PartFolder::isPart).toList());
        } catch (IOException e) {
            throw new JobException(
                    Phrase.of("%s must be a folder of parts, and cannot be read (%s)")
                            .with(folder, e),
                    e);
        }
    }

    private static boolean isPart(Path file) {
        return Part.isPart(file.getFileName().toString());
    }

    /** Where the file of this part belongs. @param end of its name */
    public Path file(String end) {
        return folder.resolve(part.name() + end);
    }

    /** Whether this part is there, or its mark. @param end of the file's name, or null where it has only a mark */
    public boolean done(String end) {
        return marked() || end != null && Files.exists(file(end));
    }

    /** Whether this part is done without a file. */
    public boolean marked() {
        return Files.exists(folder.resolve(part.mark()));
    }

    /** Marks this part as done, where no file is. */
    public void mark() {
        check();
        write(folder.resolve(part.mark()), "{}");
    }

    /** Announces the request, or compares it with that which is there; also when work begins, and before a part gets its name. */
    public void check() {
        announce(false);
    }

    /** @param first nothing was made by this process yet, so what was announced and never begun may be another request */
    private void announce(boolean first) {
        Path announcement = folder.resolve(part.announcement());
        try {
            if (first && !begun()) {
                withdrawOthers();
            }
            refuseOthers();
            String there = null;
            for (int i = 0; there == null && i < TRIES; i++) { // another may be looking whether it holds
                if (!Files.exists(announcement)) {
                    publishAlone(announcement);
                }
                there = read(announcement);
            }
            if (!request.json().equals(there)) {
                throw new JobException(Phrase.of("%s holds parts of another request (other: %s): give the same options"
                                + " as for those, or another --out; if nobody makes parts and none is there, delete %s")
                        .with(folder, different(announcement, Objects.requireNonNullElse(there, "{}")), announcement));
            }
        } catch (IOException e) {
            throw Outputs.failure(announcement, e);
        }
    }

    private Set<String> names() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    /** Whether there is a part, or a lock of who makes one, or something else. */
    private boolean begun() throws IOException {
        return !names().stream().allMatch(each -> Part.isAnnouncement(each) || AtomicFile.isPart(each));
    }

    /** Of requests that failed before any part was there. */
    private void withdrawOthers() throws IOException {
        for (String name : names()) {
            Path other = folder.resolve(name);
            boolean own = name.equals(part.announcement()) && request.json().equals(read(other));
            if (Part.isAnnouncement(name) && !own) {
                withdraw(other);
            }
        }
    }

    /** Who makes parts has a lock and then looks what is announced; so what is put aside here is put back if there is a lock now. */
    private void withdraw(Path other) throws IOException {
        try (AtomicFile aside = AtomicFile.of(other)) {
            Files.move(other, aside.path(), StandardCopyOption.ATOMIC_MOVE);
            String text = Files.readString(aside.path());
            if (begun() || text.equals(request.json())) {
                publish(other, text);
            }
        } catch (NoSuchFileException e) {
            // another has withdrawn it
        }
    }

    private void refuseOthers() throws IOException {
        Set<String> names = names();
        names.stream()
                .filter(each -> Part.isAnnouncement(each) && !each.equals(part.announcement()))
                .findFirst()
                .ifPresent(other -> {
                    throw new JobException(Phrase.of("%s holds parts of another number (%s), and %s is asked for: give"
                                    + " another --out; if nobody makes parts and none is there, delete %s")
                            .with(folder, other, part, folder.resolve(other)));
                });
        Optional<String> strange =
                names.stream().filter(each -> !Outputs.isOwn(each)).findFirst();
        if (strange.isPresent() && !Files.exists(folder.resolve(part.announcement()))) {
            throw new JobException(
                    Phrase.of("%s holds something else than parts, %s: choose another --out, which is new or empty")
                            .with(folder, Excerpt.brief(strange.get())));
        }
    }

    private void publishAlone(Path announcement) throws IOException {
        publish(announcement, request.json());
        try {
            refuseOthers(); // of another number, at the same time
        } catch (JobException e) {
            Files.deleteIfExists(announcement);
            throw e;
        }
    }

    /** Unless something is there: of several at once, one is first. */
    private void publish(Path announcement, String text) throws IOException {
        try (AtomicFile beside = AtomicFile.of(announcement)) {
            Files.writeString(beside.path(), text);
            AtomicFile.force(beside.path());
            try {
                Files.createLink(announcement, beside.path());
            } catch (FileAlreadyExistsException e) {
                return; // it is compared
            } catch (UnsupportedOperationException | IOException e) { // a disk without links
                if (!Files.exists(announcement)) {
                    beside.commit();
                }
            }
        }
    }

    private static String read(Path file) throws IOException {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    private static void write(Path file, String text) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            Files.writeString(beside.path(), text);
            AtomicFile.force(beside.path());
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }

    /** Which values two requests have that differ. @throws JsonProcessingException if one is none */
    public static String different(Identity request, String there) throws JsonProcessingException {
        JsonNode own = KeptResults.JSON.readTree(request.json());
        JsonNode given = KeptResults.JSON.readTree(there);
        Set<String> names = new LinkedHashSet<>();
        own.fieldNames().forEachRemaining(names::add);
        given.fieldNames().forEachRemaining(names::add);
        names.removeIf(name -> Objects.equals(own.get(name), given.get(name)));
        return Excerpt.of(String.join(", ", names));
    }

    private String different(Path announcement, String there) {
        try {
            return different(request, there);
        } catch (JsonProcessingException e) {
            throw new JobException(
                    announcement + " cannot be read: delete the folder's parts, or choose another --out", e);
        }
    }
}
