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
import java.util.concurrent.atomic.AtomicReference;

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
        AtomicReference<Begin> begin = new AtomicReference<>();
        Future<T> running = THREADS.submit(() -> {
            long thread = Thread.currentThread().getId();
            begin.set(new Begin(thread, spent(thread))); // it may have decoded others before
            return work.call();
        });
        while (true) {
            try {
                return running.get(most.toNanos() / LOOKS, TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                Begin begun = begin.get();
                if (begun != null && spent(begun.thread()) - begun.nanos() > most.toNanos()) {
                    running.cancel(true);
                    throw e;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while a picture was decoded", e);
            }
        }
    }

    /** What its thread had spent before. */
    private record Begin(long thread, long nanos) {}

    /** Nanoseconds of a thread on a processor; by the clock where Java doesn't know. */
    private static long spent(long thread) {
        ThreadMXBean threads = ManagementFactory.getThreadMXBean();
        boolean known = threads.isThreadCpuTimeSupported() && threads.isThreadCpuTimeEnabled();
        return known ? Math.max(0, threads.getThreadCpuTime(thread)) : System.nanoTime();
    }
}
