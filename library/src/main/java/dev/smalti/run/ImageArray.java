package dev.smalti.run;

import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import java.nio.file.Path;

/** An {@code .npz} of images of one size, {@code arr_0} uint8 [N, H, W, 3], with labels {@code arr_1} int64 [N]. */
public final class ImageArray implements ImageSink {
    private final Claim claim;
    private final NumpyFile.Writer writer;
    private final long[] labels;

    /** @param labels of all images; null for none */
    public ImageArray(Path file, int count, int width, int height, long[] labels) {
        Outputs.file("--out", file);
        this.claim = Claim.beside(file);
        this.labels = labels;
        try {
            this.writer = NumpyFile.writer(file, count, width, height);
        } catch (RuntimeException e) {
            claim.close();
            throw e;
        }
    }

    @Override
    public void image(int number, Pixels image) {
        if (labels == null) {
            writer.add(image);
        } else {
            writer.add(image, labels[number]);
        }
    }

    @Override
    public void finish() {
        writer.finish();
    }

    @Override
    public void close() {
        try (claim) {
            writer.close();
        }
    }
}
