package dev.smalti.app;

/** Somebody asked the program to end before its work was done. */
final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    StoppedException() {
        super("stopped; nothing was written");
    }
}
