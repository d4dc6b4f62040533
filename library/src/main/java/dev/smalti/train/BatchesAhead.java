package dev.smalti.train;

import dev.smalti.tensor.Scope;
import dev.smalti.tensor.SingleThread;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.function.LongFunction;

/**
 * A row of batches of which the next is prepared, on a {@linkplain SingleThread thread of its own}, while the loop trains on this one.
 *
 * @param <B> what a batch is
 */
final class BatchesAhead<B> implements AutoCloseable {
    private final LongFunction<B> batches;
    private final long end;
    private final ExecutorService thread;
    private long number;
    private Future<B> next; // of that number; null at the end

    /** The batches of the numbers from {@code first} to {@code end}, exclusive. */
    BatchesAhead(LongFunction<B> batches, long first, long end) {
        this.batches = batches;
        this.end = end;
        this.number = first;
        thread = SingleThread.executor("smalti-batches");
        next = prepare();
    }

    /**
     * The next batch; its tensors belong to the caller's scope.
     *
     * @throws RuntimeException that the preparation has thrown
     */
    B next() {
        B batch = Scope.adopt(await(next));
        number++;
        next = prepare();
        return batch;
    }

    private Future<B> prepare() {
        long wanted = number;
        return wanted < end ? thread.submit(() -> Scope.keep(() -> batches.apply(wanted))) : null;
    }

    private static <B> B await(Future<B> batch) {
        try {
            return batch.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for a batch", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** Waits for the batch under way and frees it. */
    @Override
    public void close() {
        thread.shutdown();
        if (next == null) {
            return;
        }
        try {
            B left = next.get();
            Scope.free(() -> Scope.adopt(left));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            // a batch that nobody asks for any more
        }
    }
}
