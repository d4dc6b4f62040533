package dev.smalti.tensor;

/**
 * Whether others want the cores: judged by how long this process waits for them.
 *
 * <p>A process that has the cores to itself waits now and then as well, while Java compiles or collects. Hence the share is
 * smoothed, and must have been low for a while before the cores count as free again: who spins against others loses more than who
 * sleeps without need (docs/natives.md).
 */
final class Crowding {
    private static final double CROWDED = 0.2; // seconds of waiting in a second
    private static final double FREE = 0.1;
    private static final long CALM = 500_000_000; // nanoseconds that it must have been free

    private long waited;
    private long at;
    private double share;
    private long freeSince;
    private boolean crowded;

    /**
     * From now on.
     *
     * @param waited as {@link RunDelay} has it
     * @param at a time of {@link System#nanoTime}
     */
    Crowding(long waited, long at) {
        this.waited = waited;
        this.at = at;
    }

    /** Whether others want the cores, by the time up to {@code at}, later than that of the call before. */
    boolean after(long waited, long at) {
        double now =
                Math.max(0, (double) (waited - this.waited) / (at - this.at)); // it shrinks where a thread has ended
        this.waited = waited;
        this.at = at;
        share = (share + now) / 2;
        if (share > FREE || !crowded) {
            freeSince = at;
        }
        crowded = crowded ? at - freeSince < CALM : share > CROWDED;
        return crowded;
    }
}
