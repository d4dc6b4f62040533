package dev.smalti.tensor;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * How long work on a thread is brought to an end before it is done: it asks often, in every layer of a network and for every
 * block of numbers, and ends by what the answer throws.
 *
 * <p>An interrupt of the thread would do less and more: less, since work would have to ask for it all the same, and more, since it
 * closes the files that the thread reads.
 */
public final class Stopping {
    private static final ThreadLocal<Runnable> ASKED = ThreadLocal.withInitial(() -> () -> {});

    private Stopping() {}

    /** Work was asked to stop, and has. */
    public static final class StoppedWorkException extends RuntimeException {
        private static final long serialVersionUID = 1;

        StoppedWorkException() {
            super("the work was stopped before its end");
        }
    }

    /** Called often by long work; throws whatever is to end it. */
    public static void check() {
        ASKED.get().run();
    }

    /**
     * Does {@code body}, whose long work asks {@code check} on this thread, and nothing that was to be asked before.
     *
     * @param check ends the work by throwing
     */
    public static <R> R value(Runnable check, Supplier<R> body) {
        Runnable before = ASKED.get();
        ASKED.set(check);
        try {
            return body.get();
        } finally {
            ASKED.set(before);
        }
    }

    /** {@link #value(Runnable, Supplier)} of something that gives nothing. */
    public static void run(Runnable check, Runnable body) {
        value(check, () -> {
            body.run();
            return null;
        });
    }

    /** A check that throws {@link StoppedWorkException} once {@code stop} says so. */
    public static Runnable when(BooleanSupplier stop) {
        return () -> {
            if (stop.getAsBoolean()) {
                throw new StoppedWorkException();
            }
        };
    }
}
