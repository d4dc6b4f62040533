package dev.smalti.train;

import dev.smalti.tensor.Phase;
import java.nio.file.Path;
import java.util.Map;

/** Sees a run from outside: logs, checkpoints, previews, progress. All methods run on the loop's thread. */
public interface Watcher {
    /** Before the first step of this process. */
    default void started(Run run) {}

    /** After each step. */
    default void stepped(Run run) {}

    /** While something else than a step is at work, such as a preview. */
    default void seen(Phase phase) {}

    /**
     * After a line of {@code metrics.jsonl} is written.
     *
     * @param measures of it by name, NaN where there is none; of a loss by time, each part by its number behind the name
     */
    default void measured(long step, Map<String, Double> measures) {}

    /**
     * After a picture of what is learnt is written, such as a preview.
     *
     * @param name what it is of, the same at each step
     * @param png where it is
     */
    default void pictured(long step, String name, Path png, int width, int height) {}

    /** After the last step, or after the step in which a stop was asked for. */
    default void stopped(Run run) {}
}
