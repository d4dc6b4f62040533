package dev.smalti.tensor;

import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Path;

/** A file from outside that isn't what it should be; the message names the file, the rule and the value. */
public class BadFileException extends IllegalArgumentException {
    private final transient Path file;

    /** {@code problem} is a clause that follows the file's name and a colon. */
    public BadFileException(Path file, String problem) {
        this(file, problem, null);
    }

    /** The same, with the exception that revealed it. */
    public BadFileException(Path file, String problem, Throwable cause) {
        super(file + ": " + problem, cause);
        this.file = file;
    }

    /** What is said of a file that can't be read. */
    static BadFileException unreadable(Path file, IOException e) {
        String problem = e instanceof EOFException ? "is cut off" : "cannot be read: " + AtomicFile.reason(e);
        return new BadFileException(file, problem, e);
    }

    /** The file that was refused. */
    public Path file() {
        return file;
    }
}
