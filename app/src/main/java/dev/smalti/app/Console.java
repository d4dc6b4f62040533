package dev.smalti.app;

import dev.smalti.tensor.Excerpt;
import java.io.PrintStream;
import java.lang.reflect.Method;

/**
 * Where a command writes.
 *
 * @param out the result alone
 * @param err progress, warnings and errors
 * @param terminal whether a person watches {@code err}
 */
record Console(PrintStream out, PrintStream err, boolean terminal) {
    private static final int LONGEST = 1000;

    /** Says on one line, whatever it quotes, that something is wrong. */
    void complain(String message) {
        err.println("smalti: " + Excerpt.ofBothEnds(message, LONGEST));
    }

    /** The same of a failure. @param debug whether its stack trace is wanted too */
    void complain(Throwable failure, boolean debug) {
        complain(Failure.message(failure));
        if (debug) {
            failure.printStackTrace(err);
        }
    }

    static boolean onTerminal() {
        java.io.Console console = System.console();
        if (console == null || "dumb".equals(System.getenv("TERM"))) {
            return false;
        }
        try { // since Java 22 there always is a console, and it is asked
            Method method = java.io.Console.class.getMethod("isTerminal");
            return (Boolean) method.invoke(console);
        } catch (ReflectiveOperationException e) {
            return true;
        }
    }
}
