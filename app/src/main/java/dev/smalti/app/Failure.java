package dev.smalti.app;

import dev.smalti.data.DataException;
import dev.smalti.recipe.RecipeException;
import dev.smalti.run.JobException;
import java.io.IOException;
import java.util.Locale;

/** What an exception means to somebody at a command line: an exit code and one line. */
final class Failure {
    static final int DONE = 0;
    static final int FAILED = 1;
    static final int BAD_INPUT = 2;
    static final int STOPPED = 130;

    private Failure() {}

    static int code(Throwable e) {
        if (e instanceof StoppedException) {
            return STOPPED;
        }
        boolean input = e instanceof JobException
                || e instanceof DataException
                || e instanceof RecipeException
                || e instanceof IllegalArgumentException;
        return input && !diskFull(e) ? BAD_INPUT : FAILED;
    }

    static String message(Throwable e) {
        String message = e.getMessage();
        if (e instanceof OutOfMemoryError) {
            return "the Java heap is too small (" + message + "): give it more, SMALTI_JAVA_OPTS=-Xmx4g";
        }
        if (message == null || message.isBlank()) {
            return e.getClass().getSimpleName() + " (--debug says where)";
        }
        boolean internal = e instanceof NullPointerException
                || e instanceof IndexOutOfBoundsException
                || e instanceof ClassCastException
                || e instanceof Error;
        if (internal) {
            return "an error inside Smalti, " + e.getClass().getSimpleName() + ": " + oneLine(message)
                    + " (--debug says where)";
        }
        if (diskFull(e)) {
            return "the disk is full: " + oneLine(message);
        }
        boolean foreign = e.getClass() == RuntimeException.class; // libtorch's, with a trace of its own below
        return foreign ? message.lines().findFirst().orElse("").strip() : oneLine(message);
    }

    static String oneLine(String message) {
        return message.strip().replaceAll("\\s*\\R\\s*", " ");
    }

    /** Not the fault of what was asked for, however it is reported. */
    private static boolean diskFull(Throwable e) {
        for (Throwable each = e; each != null; each = each.getCause()) {
            String message = String.valueOf(each.getMessage()).toLowerCase(Locale.ROOT);
            if (each instanceof IOException
                    && (message.contains("no space left")
                            || message.contains("not enough space")
                            || message.contains("quota exceeded"))) {
                return true;
            }
        }
        return false;
    }
}
