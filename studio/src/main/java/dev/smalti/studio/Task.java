package dev.smalti.studio;

import dev.smalti.data.Pixels;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A {@link Wish} on its way: what has come of it so far, for the thread that answers. */
final class Task {
    private final Wish wish;
    private final long deadline; // of System.nanoTime
    private final long bytes;
    private final BlockingQueue<Event> events =
            new LinkedBlockingQueue<>(); // bounded by the images, frames and steps wished
    private volatile boolean cancelled;

    /** What the answering thread is told, in order. */
    sealed interface Event {}

    /** One image is there. */
    record Done(int number, Pixels image) implements Event {}

    /** One image in the making, grey where nothing is drawn yet. */
    record Frame(int number, int step, int of, Pixels image) implements Event {}

    /**
     * A step of one image.
     *
     * @param codes of its grid, row by row, -1 where nothing is drawn yet
     * @param entropies in bits, of the places that were asked for in this step; NaN elsewhere
     */
    record Step(int number, int step, int of, int[] codes, float[] entropies) implements Event {}

    /** It came to nothing. */
    record Failed(RuntimeException cause) implements Event {}

    /** @param bytes that it holds until it is answered, about */
    Task(Wish wish, long deadline, long bytes) {
        this.wish = wish;
        this.deadline = deadline;
        this.bytes = bytes;
    }

    long bytes() {
        return bytes;
    }

    Wish wish() {
        return wish;
    }

    /** The client went away: what isn't drawn yet won't be. */
    void cancel() {
        cancelled = true;
    }

    /** Whether nothing more is to be drawn of it; a task that is late is told so. */
    boolean isToBeDropped(long now) {
        if (!cancelled && now - deadline > 0) {
            fail(ApiException.late());
        }
        return cancelled;
    }

    void tell(Event event) {
        if (!cancelled) {
            events.add(event);
        }
    }

    void done(int number, Pixels image) {
        tell(new Done(number, image));
    }

    void fail(RuntimeException cause) {
        tell(new Failed(cause));
        cancelled = true;
    }

    /** The next of what happens, which may be that it is late; null if nothing does for so long. */
    Event next(long millis) throws InterruptedException {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime()) + 1;
        Event event = events.poll(Math.max(1, Math.min(millis, left)), TimeUnit.MILLISECONDS);
        if (event == null && isToBeDropped(System.nanoTime())) {
            return events.poll(); // why
        }
        return event;
    }
}
