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
 * closes no connection.
 */
final class Heartbeat implements AutoCloseable {
    private static final long EVERY = 2;
    private static final long PATIENCE = 20;
    private static final long GRACE = 5; // for the work itself to notice

    private final Store store;
    private final Rendezvous at;
    private final Consumer<String> told;
    private final CountDownLatch closing = new CountDownLatch(1);
    private volatile String lost;

    private Heartbeat(Store store, Rendezvous at, Consumer<String> told) {
        this.store = Scope.hold(store);
        this.at = at;
        this.told = told;
    }

    /** @param store a connection of its own */
    static Heartbeat begin(Store store, Rendezvous at, Consumer<String> told) {
        Heartbeat heartbeat = new Heartbeat(store, at, told);
        Thread thread = new Thread(heartbeat::beat, "smalti-heartbeat");
        thread.setDaemon(true);
        thread.start();
        return heartbeat;
    }

    /** Which process has gone, for a message; null while all live. */
    String lost() {
        return lost;
    }

    private void beat() {
        try {
            lost = missing();
            if (lost != null && !closing.await(GRACE, TimeUnit.SECONDS)) {
                told.accept(lost);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            Scope.release(store);
        }
    }

    /** Waits until a process is missed, or this one leaves. */
    private String missing() throws InterruptedException {
        long[] counts = new long[at.size()];
        long[] seen = new long[at.size()];
        Arrays.fill(seen, System.nanoTime());
        while (!closing.await(EVERY, TimeUnit.SECONDS)) {
            try {
                store.add(name(at.rank()), 1);
                for (int rank = 0; rank < counts.length; rank++) {
                    long count = store.add(name(rank), 0);
                    long now = System.nanoTime();
                    if (count != counts[rank]) {
                        counts[rank] = count;
                        seen[rank] = now;
                    } else if (now - seen[rank] > TimeUnit.SECONDS.toNanos(PATIENCE)) {
                        return Phrase.of("process %d of %d has not been heard of for %d s")
                                .with(rank, at.size(), PATIENCE);
                    }
                }
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
