package dev.smalti.distributed;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.bytedeco.pytorch.Store;

/**
 * Says every two seconds that this process lives, and looks whether the others have said so in the last twenty: a machine that is switched off
 * closes no connection. Where it is the first one's, which keeps the counts, the question itself isn't answered any more.
 */
final class Heartbeat implements AutoCloseable {
    private static final long EVERY = TimeUnit.SECONDS.toMillis(2);
    private static final long PATIENCE = TimeUnit.SECONDS.toMillis(20);
    private static final long GRACE = TimeUnit.SECONDS.toMillis(5); // for the work itself to notice

    private final Counts store;
    private final Rendezvous at;
    private final Consumer<String> told;
    private final long patience;
    private final long grace;
    private final CountDownLatch closing = new CountDownLatch(1);
    private volatile long heard = System.nanoTime(); // since when the store has answered all questions
    private volatile String lost;

    /** What c10d's stores can do. */
    interface Counts {
        long add(String name, long more);
    }

    /** @param patience milliseconds, as {@code grace} */
    Heartbeat(Counts store, Rendezvous at, Consumer<String> told, long patience, long grace) {
        this.store = store;
        this.at = at;
        this.told = told;
        this.patience = patience;
        this.grace = grace;
    }

    /** @param store a connection of its own */
    static Heartbeat begin(Store store, Rendezvous at, Consumer<String> told) {
        Store held = Scope.hold(store);
        Heartbeat heartbeat = new Heartbeat(held::add, at, told, PATIENCE, GRACE);
        heartbeat.begin(() -> Scope.release(held));
        return heartbeat;
    }

    /** @param after what is done once the store is asked no more */
    void begin(Runnable after) {
        thread("smalti-heartbeat", () -> {
            try {
                beat();
            } finally {
                after.run();
            }
        });
        thread("smalti-heartbeat-watch", this::watch);
    }

    private static void thread(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
    }

    /** Which process has gone, for a message; null while all live. */
    String lost() {
        return lost;
    }

    private void beat() {
        try {
            lost = missing();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Apart from the beat, which waits for the store, if need be for ever. */
    private void watch() {
        try {
            while (lost == null) {
                if (closing.await(Math.min(EVERY, patience) / 2, TimeUnit.MILLISECONDS)) {
                    return;
                }
                if (lost == null && System.nanoTime() - heard > TimeUnit.MILLISECONDS.toNanos(patience)) {
                    lost = Phrase.of("process 0 of %d, at %s, has not answered for %d s")
                            .with(at.size(), at.address(), patience / 1000);
                }
            }
            if (!closing.await(grace, TimeUnit.MILLISECONDS)) {
                told.accept(lost);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until a process is missed, or this one leaves. */
    private String missing() throws InterruptedException {
        long[] counts = new long[at.size()];
        long[] seen = new long[at.size()];
        Arrays.fill(seen, System.nanoTime());
        while (!closing.await(Math.min(EVERY, patience / 2), TimeUnit.MILLISECONDS)) {
            try {
                store.add(name(at.rank()), 1);
                for (int rank = 0; rank < counts.length; rank++) {
                    long count = store.add(name(rank), 0);
                    long now = System.nanoTime();
                    if (count != counts[rank]) {
                        counts[rank] = count;
                        seen[rank] = now;
                    } else if (now - seen[rank] > TimeUnit.MILLISECONDS.toNanos(patience)) {
                        return Phrase.of("process %d of %d has not been heard of for %d s")
                                .with(rank, at.size(), patience / 1000);
                    }
                }
                heard = System.nanoTime();
            } catch (RuntimeException e) { // of c10d
                return Phrase.of("process 0 of %d, at %s, is gone").with(at.size(), at.address());
            }
        }
        return null;
    }

    private static String name(int rank) {
        return "beat " + rank;
    }

    @Override
    public void close() {
        closing.countDown();
    }
}
