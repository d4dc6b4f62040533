package dev.smalti.tensor;

import java.nio.file.Path;

/** A file from outside that isn't what it should be; the message names the file, the rule and the value. */
public class BadFileException extends IllegalArgumentException {
    private static final int QUOTED = 80;

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

    /** What a message quotes of a file: at most 80 letters, on one line. */
    public static String brief(String text) {
        String start = text.length() <= QUOTED ? text : text.substring(0, QUOTED) + "…";
        return start.replaceAll("\\p{Cntrl}", "\uFFFD");
    }

    /** The file that was refused. */
    public Path file() {
        return file;
    }
}
