package dev.smalti.job;

/** Sees how far a plan is. What {@link #done} throws ends it, and nothing is left behind. */
public interface PlanObserver {
    /** A piece of work begins: {@code total} units, such as pictures. */
    void begin(String what, String unit, long total);

    /** So many units of it are done. */
    void done(long count);
}
