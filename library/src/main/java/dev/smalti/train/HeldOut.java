package dev.smalti.train;

import java.util.Map;
import java.util.function.LongConsumer;

/** What is measured on data that isn't trained on. */
public interface HeldOut {
    /** How many items there are. */
    int size();

    /** What they are called, in the plural. */
    String unit();

    /** The name of the measure whose least value is the best. */
    String decides();

    /**
     * Measures.
     *
     * @param count of items, the first so many of {@link #size}
     * @param progress told of the items measured so far
     * @return by name; the same each time for the same weights
     */
    Map<String, Double> measure(int count, LongConsumer progress);
}
