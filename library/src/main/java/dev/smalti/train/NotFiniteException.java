package dev.smalti.train;

/** A loss or a gradient is infinite or not a number; nothing was changed by that step. */
public final class NotFiniteException extends RuntimeException {
    private static final long serialVersionUID = 1;

    NotFiniteException(String what, double value, long step) {
        super("the " + what + " became " + value + " in step " + step);
    }
}
