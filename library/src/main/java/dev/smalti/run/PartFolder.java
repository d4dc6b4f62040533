package dev.smalti.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A folder that processes fill part by part, who know of each other by what lies there alone. A hidden file says what all of it is of,
 * and a part is there when the file of its name is, or its mark.
 */
public final class PartFolder {
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
        check();
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
        return file.getFileName().toString().startsWith("part-");
    }

    /** Where the file of this part belongs. @param end of its name */
    public Path file(String end) {
        return folder.resolve(part.name() + end);
    }

    /** Whether this part is there. @param end of the file's name, or null where it has only a mark */
    public boolean done(String end) {
        return Files.exists(end == null ? folder.resolve(part.mark()) : file(end));
    }

    /** Marks this part as done, where no file is. */
    public void mark() {
        check();
        write(folder.resolve(part.mark()), "{}");
    }

    /** Announces the request, or compares it with that which is there; also before a part gets its name. */
    public void check() {
        Path announcement = folder.resolve(part.announcement());
        try {
            if (!Files.exists(announcement)) {
                refuseOthers();
                write(announcement, request.json());
            }
            String there = Files.readString(announcement);
            if (!there.equals(request.json())) {
                throw new JobException(Phrase.of(
                                "%s holds parts of another request (other: %s): give the same options as for those, or"
                                        + " another --out")
                        .with(folder, different(announcement, there)));
            }
        } catch (IOException e) {
            throw Outputs.failure(announcement, e);
        }
    }

    private void refuseOthers() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            List<String> names = entries.map(each -> each.getFileName().toString())
                    .filter(each -> !Outputs.isOwn(each))
                    .sorted()
                    .toList();
            if (names.contains(part.announcement())) {
                return; // another process was here meanwhile
            }
            names.stream().filter(Part::isAnnouncement).findFirst().ifPresent(other -> {
                throw new JobException(
                        Phrase.of("%s holds parts of another number (%s), and %s is asked for: give another --out")
                                .with(folder, other, part));
            });
            if (!names.isEmpty()) {
                throw new JobException(
                        Phrase.of("%s holds something else than parts, %s: choose another --out, which is new or empty")
                                .with(folder, Excerpt.brief(names.get(0))));
            }
        }
    }

    private static void write(Path file, String text) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            Files.writeString(beside.path(), text);
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
