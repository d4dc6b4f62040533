package dev.smalti.data;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs on threads of its own what others wrote and a hostile file might keep for ever. Java can't end a thread: one that is late
 * is left behind, and doesn't keep the program from ending.
 *
 * <p>What counts is the processor time of the thread, so that a picture isn't refused because the machine is busy.
 */
final class Deadline {
    private static final int LOOKS = 30; // at the clock, up to the deadline

    private static final ExecutorService THREADS = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "smalti-decoder");
        thread.setDaemon(true);
        return thread;
    });

    private Deadline() {}

    /**
     * @throws ExecutionException with what the work threw
     * @throws TimeoutException if it took longer
     */
    static <T> T call(Callable<T> work, Duration most) throws ExecutionException, TimeoutException {
        AtomicLong thread = new AtomicLong();
        Future<T> running = THREADS.submit(() -> {
            thread.set(Thread.currentThread().getId());
            return work.call();
        });
        long begun = -1;
        while (true) {
            try {
                return running.get(most.toNanos() / LOOKS, TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                long now = spent(thread.get());
                begun = begun < 0 ? now : begun;
                if (now - begun > most.toNanos()) {
                    running.cancel(true);
                    throw e;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while a picture was decoded", e);
            }
        }
    }

    /** Nanoseconds of a thread on a processor; by the clock where Java doesn't know. */
    private static long spent(long thread) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        boolean known = threads.isThreadCpuTimeSupported() && threads.isThreadCpuTimeEnabled();
        return !known ? System.nanoTime() : thread == 0 ? 0 : Math.max(0, threads.getThreadCpuTime(thread));
    }
}
