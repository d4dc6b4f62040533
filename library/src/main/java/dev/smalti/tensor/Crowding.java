package dev.smalti.tensor;

/**
 * Whether others want the cores: judged by how long this process waits for them.
 *
 * <p>On two cores of its own, training waits for 0.01 to 0.1 seconds a second, and now and then, while Java compiles or
 * collects, for 0.2. Beside a process that takes a third of a core it waits for 0.2, beside a busy one for 0.5, and for 0.9
 * while its threads spin. Hence the share is smoothed, and must have been low for a while before the cores count as free again: who
 * spins against others loses more than who sleeps without need.
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
