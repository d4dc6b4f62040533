package dev.smalti.tensor;

import java.util.function.LongConsumer;

/**
 * Sees long work from outside: it is told of each {@link Phase} as it begins and whenever more of it is done, on the thread that
 * works. It ends the work by throwing; so does whoever {@linkplain Stopping asks} the work to stop, which is noticed more often.
 */
@FunctionalInterface
public interface Observer {
    /** Looks away. */
    Observer NONE = phase -> {};

    void see(Phase phase);

    /**
     * Sees a phase begin.
     *
     * @return to be told how many are done
     */
    default LongConsumer counting(Phase phase) {
        see(phase);
        return done -> see(phase.done(done));
    }
}
