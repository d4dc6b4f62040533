package dev.smalti.run;

import dev.smalti.data.Pixels;
import org.bytedeco.pytorch.Tensor;

/** Takes what is drawn, in order, and shows it under its name only when all is there. */
public interface ImageSink extends AutoCloseable {
    /** A batch of grids, int64 [B, h, w] or [B, T, h, w], of which the first has the number {@code from}. */
    default void codes(int from, Tensor codes) {}

    /** An image. */
    default void image(int number, Pixels image) {}

    /** How many images are there already, from the first on. */
    default int present() {
        return 0;
    }

    /** All is there. */
    void finish();

    /** Drops what isn't finished, unless it is kept to be gone on with. */
    @Override
    void close();
}
