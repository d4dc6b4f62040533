package dev.smalti.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;

/**
 * Lets OpenMP's threads spin while they wait, as long as nobody else wants the cores.
 *
 * <p>To wake a thread that sleeps takes longer than most operations of a training step take, of which there are thousands; but
 * a thread that spins keeps the core from the one that it waits for, where others want the cores too ({@code bench/run generate prior}
 * with and without, in docs/natives.md). Which of them it is changes no result, so it may follow the load.
 *
 * <p>libgomp reads how long to spin once, as it is loaded. But it spins only while its threads are no more than the cores, and
 * else as long as the wait policy says, which is {@code passive} here: not at all. It counts the threads of all pools, and each
 * thread that opens a parallel region has a pool, until it ends. So a thread that keeps a pool, and waits, stops the
 * spinning, and starts it again as it ends (libgomp's {@code do_spin} in {@code wait.h} and {@code gomp_managed_threads}).
 */
final class Spinning {
    static final String VARIABLE = "GOMP_SPINCOUNT";

    /** Turns of libgomp's loop: 1 to 5 ms by what the processor takes for a pause. */
    static final String COUNT = "100000";

    /** The thread that watches. */
    static final String WATCH = "smalti-load";

    private static final long PERIOD = 200; // milliseconds
    private static final long PARALLEL = 32_769; // elements from which libtorch opens a parallel region

    private final int threads;
    private final int cores;
    private final List<Pool> pools = new ArrayList<>();

    private Spinning(int threads, int cores) {
        this.threads = threads;
        this.cores = cores;
    }

    /**
     * To be called after OpenBLAS is loaded and before libtorch is.
     *
     * @param environment with what {@link Waiting} has set in it
     * @return whether libgomp will spin as long as the load is {@link #watch watched}: not where somebody has chosen how long, where the
     *     threads aren't to sleep beside others, or where the load can't be seen
     */
    static boolean allow(Map<String, String> environment) {
        return "passive".equalsIgnoreCase(environment.get(Waiting.VARIABLE))
                && !environment.containsKey(VARIABLE)
                && Loader.getPlatform().startsWith("linux")
                && !Waiting.loaded("libgomp")
                && RunDelay.known()
                && Waiting.put(VARIABLE + "=" + COUNT);
    }

    /** Follows the load from now on, on a thread of its own; to be called once libtorch is loaded. */
    static void watch() {
        int threads = torch.get_num_threads();
        if (threads > 1) {
            daemon(WATCH, new Spinning(threads, Runtime.getRuntime().availableProcessors())::follow)
                    .start();
        }
    }

    private void follow() {
        if (threads > cores) { // such as a container that may use fewer than there are
            spin(false);
            return;
        }
        long looked = System.nanoTime();
        Crowding crowding = new Crowding(RunDelay.nanoseconds().orElse(0), looked);
        try {
            while (true) {
                long took = (System.nanoTime() - looked) / 1_000_000;
                Thread.sleep(Math.max(PERIOD, 100 * took)); // where there are many threads, it looks less often
                looked = System.nanoTime();
                spin(!crowding.after(RunDelay.nanoseconds().orElse(0), looked));
            }
        } catch (InterruptedException e) {
            spin(false);
        }
    }

    private void spin(boolean spinning) {
        if (spinning) {
            pools.forEach(Pool::release);
            pools.clear();
        }
        while (!spinning && pools.size() < pools(threads, cores)) {
            pools.add(new Pool());
        }
    }

    /** So many that all threads of OpenMP, those of one pool that computes among them, are more than the cores. */
    static int pools(int threads, int cores) {
        return 1 + Math.max(0, cores - threads) / (threads - 1);
    }

    private static Thread daemon(String name, Runnable task) {
        Thread thread = new Thread(task, name);
        thread.setDaemon(true);
        return thread;
    }

    /** A thread that has a pool of OpenMP's threads and does nothing. */
    private static final class Pool {
        private final CountDownLatch released = new CountDownLatch(1);

        Pool() {
            daemon("smalti-pool", this::keep).start();
        }

        private void keep() {
            Scope.free(() -> Tensors.zeros(PARALLEL).add_(new Scalar(1)));
            try {
                released.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // it ends
            }
        }

        void release() {
            released.countDown();
        }
    }
}
