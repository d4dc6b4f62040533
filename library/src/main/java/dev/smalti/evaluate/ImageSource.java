package dev.smalti.evaluate;

import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;

/** Where the images of one of two sets come from that are compared. */
interface ImageSource extends AutoCloseable {
    /** Images at once. */
    int BATCH = 32;

    /** How many there are, if none is broken. */
    int size();

    /** What is done to get them, as a phase of the work. */
    String name();

    /**
     * How both sets become equal squares.
     *
     * @param size that is asked for; 0 for the one that suits these images
     */
    Preparation preparation(int size);

    /** The number among {@code names} of each image's class; null if an image is of none of them. */
    long[] classes(List<String> names);

    /** Takes a batch: whole numbers in 0..255, [B, 3, H, W], and which images of the set they are, [B]. */
    @FunctionalInterface
    interface Taker {
        void take(Tensor images, int[] indices);
    }

    /**
     * Gives all images in order, in batches of {@link #BATCH}.
     *
     * @param progress told of the images looked at so far
     * @return what was there
     */
    Compared each(Preparation preparation, LongConsumer progress, Taker taker);

    @Override
    void close();
}
