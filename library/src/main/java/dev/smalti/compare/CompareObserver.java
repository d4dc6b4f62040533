package dev.smalti.compare;

/** Sees the work of a comparison, piece by piece, and may end it. */
public interface CompareObserver {
    /**
     * A piece of work begins.
     *
     * @param unit of what is counted, in the plural
     * @param begun how much was done before
     */
    void begin(String what, String unit, long total, long begun);

    /** So much of it is done. */
    void done(long count, String note);

    /** Whether to stop; asked often. */
    boolean stop();
}
