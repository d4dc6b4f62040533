package dev.smalti.app;

/** Somebody asked the program to end before its work was done. */
final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** @param left what there is now, and what can be done with it */
    StoppedException(String left) {
        super("stopped; " + left);
    }
}
