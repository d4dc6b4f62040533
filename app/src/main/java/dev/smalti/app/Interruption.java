package dev.smalti.app;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C and SIGTERM while a verb is at work: it is asked to stop, and the process ends when it has. The exit code is then
 * the JVM's, 130 or 143.
 */
final class Interruption implements AutoCloseable {
    private static final long MOST_MINUTES = 10;

    private final Console console;
    private final CountDownLatch done = new CountDownLatch(1);
    private final Thread hook = new Thread(this::interrupt, "interruption");
    private volatile boolean asked;
    private String left = "nothing was written";

    Interruption(Console console) {
        this.console = console;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Whether the verb should come to an end. */
    boolean asked() {
        return asked;
    }

    /** @param left what there is when the verb is stopped, and what can be done with it */
    void left(String left) {
        this.left = left;
    }

    /** @throws StoppedException if the verb should come to an end */
    void check() {
        if (asked) {
            throw new StoppedException(left);
        }
    }

    private void interrupt() {
        asked = true;
        console.err().println("\nsmalti: stopping");
        try {
            done.await(MOST_MINUTES, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The verb has ended, and has said what it had to say. */
    @Override
    public void close() {
        done.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // the process is ending already, because of it
        }
    }
}
