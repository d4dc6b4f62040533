package dev.smalti.train;

/** The least of the held-out measures that decide, and how many came after it; it is fed with those of a run in their order. */
public final class Best {
    private final int patience;
    private final long from;
    private long step = -1;
    private double value = Double.POSITIVE_INFINITY;
    private int since;

    /**
     * @param patience measures without a lesser one after which a run is to end; 0 for never
     * @param from measures up to this step don't count: something joins the training there that changes what is aimed at, as a
     *     discriminator does
     */
    public Best(int patience, long from) {
        this.patience = patience;
        this.from = from;
    }

    public void see(long step, double value) {
        if (step <= from) {
            return;
        }
        if (value < this.value) {
            this.step = step;
            this.value = value;
            since = 0;
        } else {
            since++;
        }
    }

    /** At which it was measured; below 0 where nothing was. */
    public long step() {
        return step;
    }

    public double value() {
        return value;
    }

    /** Whether {@code patience} measures have come since. */
    public boolean outOfPatience() {
        return patience > 0 && since >= patience;
    }
}
