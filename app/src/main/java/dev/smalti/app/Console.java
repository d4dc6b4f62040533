package dev.smalti.app;

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
