package dev.smalti.train;

import dev.smalti.tensor.Phase;

/** Sees a run from outside: logs, checkpoints, previews, progress. All methods run on the loop's thread. */
public interface Watcher {
    /** Before the first step of this process. */
    default void started(Run run) {}

    /** After each step. */
    default void stepped(Run run) {}

    /** While something else than a step is at work, such as a preview. */
    default void seen(Phase phase) {}

    /** After the last step, or after the step in which a stop was asked for. */
    default void stopped(Run run) {}
}
