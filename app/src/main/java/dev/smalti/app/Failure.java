package dev.smalti.app;

import dev.smalti.data.DataException;
import dev.smalti.recipe.RecipeException;
import dev.smalti.run.JobException;
import dev.smalti.tensor.NativeLibrariesException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What an exception means to somebody at a command line: an exit code and a message. */
final class Failure {
    static final int DONE = 0;
    static final int FAILED = 1;
    static final int BAD_INPUT = 2;
    static final int LOST = 75; // a process of a training that has lost another, said to the first one alone
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
        return input && Shortage.behind(e).isEmpty() ? BAD_INPUT : FAILED;
    }

    static String message(Throwable e) {
        String message = e.getMessage();
        Optional<String> natives = causes(e).stream()
                .filter(NativeLibrariesException.class::isInstance)
                .map(Throwable::getMessage)
                .findFirst();
        if (natives.isPresent() && Shortage.behind(e).isEmpty()) {
            return oneLine(natives.get());
        }
        if (e instanceof LinkageError) {
            return unloaded((LinkageError) e);
        }
        String shortage = Shortage.behind(e).map(Shortage::message).orElse("");
        if (message == null || message.isBlank()) {
            return shortage.isEmpty() ? e.getClass().getSimpleName() + " (--debug says where)" : shortage;
        }
        if (!shortage.isEmpty()) {
            return shortage + ": " + firstLine(message);
        }
        boolean internal = e instanceof NullPointerException
                || e instanceof IndexOutOfBoundsException
                || e instanceof ClassCastException
                || e instanceof Error;
        if (internal) {
            return "an error inside Smalti, " + e.getClass().getSimpleName() + ": " + oneLine(message)
                    + " (--debug says where)";
        }
        boolean foreign = e.getClass() == RuntimeException.class; // libtorch's, with a trace of its own below
        return foreign ? firstLine(message) : oneLine(message);
    }

    /** Every later use of a class that couldn't be loaded says only that it wasn't; the first one says why, deepest down. */
    private static String unloaded(LinkageError e) {
        List<Throwable> causes = causes(e);
        String reason = firstLine(String.valueOf(causes.get(causes.size() - 1).getMessage()));
        if (causes.stream().anyMatch(ClassNotFoundException.class::isInstance)) {
            return "a part of Smalti can't be read (" + reason + "): " + Shortage.FILES.message()
                    + "; or install it anew";
        }
        String wayOut = Shortage.behind(e)
                .map(Shortage::message)
                .orElse("the version of libtorch must be that of this machine's system and processor, and its libraries"
                        + " must be whole (--debug says more)");
        return "libtorch or another native library can't be loaded: " + reason + "; " + wayOut;
    }

    /** The failure and what is behind it, each once. */
    static List<Throwable> causes(Throwable e) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        List<Throwable> causes = new ArrayList<>();
        for (Throwable each = e; each != null && seen.add(each); each = each.getCause()) {
            causes.add(each);
        }
        return causes;
    }

    static String oneLine(String message) {
        return message.strip().replaceAll("\\s*\\R\\s*", " ");
    }

    private static String firstLine(String message) {
        return message.strip().lines().findFirst().orElse("").strip();
    }
}
