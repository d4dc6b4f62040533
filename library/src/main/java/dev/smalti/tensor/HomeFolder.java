package dev.smalti.tensor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Where a user's own files are. Java says {@code ?} for a user of whom the system has no entry, as in a container that runs
 * under a number of its own, and a folder of that name would be made wherever the program happens to run.
 */
public final class HomeFolder {
    private HomeFolder() {}

    /** Java's {@code user.home}, else {@code HOME} of the environment, else the folder of temporary files. */
    public static Path path() {
        return named(System.getProperty("user.home"), System.getenv("HOME"))
                .orElseGet(() -> Path.of(System.getProperty("java.io.tmpdir")).toAbsolutePath());
    }

    /** The first that is a folder by an absolute path. */
    static Optional<Path> named(String... candidates) {
        return Stream.of(candidates)
                .filter(name -> name != null && !name.isEmpty())
                .map(Path::of)
                .filter(path -> path.isAbsolute() && Files.isDirectory(path))
                .findFirst();
    }

    /**
     * A folder in that of temporary files which belongs to this user alone, so that nobody else can put libraries there.
     *
     * @throws IOException if somebody else has it
     */
    static Path temporary(String name) throws IOException {
        Path probe = Files.createTempFile("smalti", null);
        String owner = Files.getOwner(probe).getName();
        Files.delete(probe);
        Path folder = probe.resolveSibling(name + "-" + owner.replaceAll("[^A-Za-z0-9_-]", "_"));
        Files.createDirectories(folder);
        if (!Files.getOwner(folder).getName().equals(owner)) {
            throw new IOException(folder + " must belong to " + owner + ", got "
                    + Files.getOwner(folder).getName());
        }
        return folder;
    }
}
