package dev.smalti.fuzz;

import com.sun.management.ThreadMXBean;
import dev.smalti.data.DataException;
import dev.smalti.recipe.RecipeException;
import dev.smalti.run.JobException;
import dev.smalti.tensor.BadFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/**
 * What may come of reading a file from outside: it is read, or refused by one line of a length that a person reads, and neither
 * takes memory that the file's own length doesn't explain.
 */
final class Outcome {
    /** Characters of a message: the name of the file, the rule, the value and the way out. */
    private static final int LONGEST = 1_000;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final Path FOLDER = folder();

    private Outcome() {}

    /** The bytes as a file of that name, which {@code read} is given. */
    static void ofFile(byte[] bytes, String name, long most, Consumer<Path> read) {
        try {
            Path file = FOLDER.resolve(name);
            Files.createDirectories(file.getParent());
            Files.write(file, bytes);
            of(bytes.length, most, () -> read.accept(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** @param most bytes that this thread may allocate besides some for each byte of the input */
    static void of(int length, long most, Runnable read) {
        long limit = most + 1_000L * length;
        if (allocated(read) > limit) {
            long again = allocated(read); // the first time, classes were loaded too
            if (again > limit) {
                throw new AssertionError(again + " bytes were allocated for " + length);
            }
        }
    }

    private static long allocated(Runnable read) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        try {
            read.run();
        } catch (DataException | RecipeException | JobException | BadFileException e) {
            String message = e.getMessage();
            if (message == null
                    || message.isBlank()
                    || message.length() > LONGEST
                    || message.lines().count() > 1) {
                throw new AssertionError("not one line that a person reads: " + message, e);
            }
        }
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }

    /** Where files that must lie beside others are put. */
    static Path folder() {
        try {
            Path folder = Files.createTempDirectory("fuzz");
            folder.toFile().deleteOnExit();
            return folder;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
