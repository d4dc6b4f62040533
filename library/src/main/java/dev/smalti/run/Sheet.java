package dev.smalti.run;

import dev.smalti.data.Pixels;
import java.util.List;
import java.util.function.LongConsumer;

/** Pictures of what a model can do so far, each of which is a function of the weights and its number. */
public interface Sheet {
    /** How many pictures a full one has. */
    int size();

    /** How many stand side by side. */
    int columns();

    /** What they are called, in the plural. */
    String unit();

    /**
     * Makes the pictures with the numbers {@code from}..{@code to - 1}, those left out that there can't be.
     *
     * @param progress told of the numbers up to which they are made
     */
    List<Pixels> pictures(int from, int to, LongConsumer progress);
}
