package dev.smalti.run;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;

/** Looks at the places that results will go to, before the work begins. */
public final class Outputs {
    /** What the names of locks end with. */
    static final String LOCK = ".lock";

    private Outputs() {}

    /**
     * Makes the folder that {@code file} will lie in.
     *
     * @throws JobException if {@code file} is a folder, or can't be in one
     */
    public static void file(String option, Path file) {
        if (Files.isDirectory(file)) {
            throw new JobException(Phrase.of("%s %s is a folder, and a file is to be written: name a file")
                    .with(option, file));
        }
        makeFolder(option, file.toAbsolutePath().getParent());
    }

    /**
     * The same of a file that is a PNG, whatever it is called.
     *
     * @throws JobException also if its name ends as that of another format
     */
    public static void png(String option, Path file) {
        String name = String.valueOf(file.getFileName()).toLowerCase(Locale.ROOT);
        if (name.indexOf('.') > 0 && !name.endsWith(".png")) {
            throw new JobException(Phrase.of("%s %s must end in .png: a PNG is what is written")
                    .with(option, file));
        }
        file(option, file);
    }

    /** @throws JobException if {@code folder} is a file, or has something in it */
    public static void emptyFolder(String option, Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw new JobException(Phrase.of("%s %s is a file, and a folder is to be written: choose another %s")
                    .with(option, folder, option));
        }
        try {
            if (!empty(folder)) {
                throw new JobException(
                        Phrase.of("%s %s is not empty, and nothing in it is overwritten: choose another %s")
                                .with(option, folder, option));
            }
        } catch (IOException e) {
            throw new JobException(Phrase.of("%s %s cannot be read: %s").with(option, folder, reason(e)), e);
        }
    }

    /** Whether there is nothing in a folder but locks, and what killed processes left half-written. */
    static boolean empty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.allMatch(entry -> isOwn(entry.getFileName().toString()));
        }
    }

    /** Whether a name is that of a lock, or of something half-written. */
    static boolean isOwn(String name) {
        return AtomicFile.isPart(name) || name.startsWith(".smalti") && name.endsWith(LOCK);
    }

    /** @throws JobException if {@code folder} is a file, or can't be made */
    public static void makeFolder(String option, Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new JobException(
                    Phrase.of("%s needs the folder %s, which cannot be made: %s")
                            .with(option, folder, reason(e)),
                    e);
        }
    }

    public static UncheckedIOException failure(Path path, IOException e) {
        return new UncheckedIOException(Phrase.of("%s cannot be written: %s").with(path, reason(e)), e);
    }

    private static String reason(IOException e) {
        return e.toString().replaceFirst("^java\\.[a-z.]+\\.", "");
    }
}
