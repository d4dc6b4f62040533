package dev.smalti.job;

import dev.smalti.metric.inception.Inception;
import dev.smalti.tensor.Scope;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The numbers by which sets of images are compared: Inception's, or, where its weights aren't given, the image itself,
 * averaged to 8×8 pixels of red, green and blue from 0 to 1. Those see colours and coarse shapes, and nothing fine.
 */
final class ImageFeatures implements AutoCloseable {
    static final String PIXELS = "pixels-8x8";
    private static final int SIDE = 8;

    private final Inception inception; // null: pixels

    private ImageFeatures(Inception inception) {
        this.inception = inception;
    }

    /** @param weights of Inception; null for pixels */
    static ImageFeatures open(Path weights, Device device) {
        if (weights == null) {
            return new ImageFeatures(null);
        }
        if (!Files.isRegularFile(weights)) {
            throw new JobException(
                    ("--inception %s is no file: give torch-fidelity's %s, or a safetensors file with its" + " weights")
                            .formatted(weights, Inception.PUBLISHED));
        }
        return new ImageFeatures(Inception.open(weights, device));
    }

    boolean pixels() {
        return inception == null;
    }

    String name() {
        return pixels() ? PIXELS : Inception.NAME;
    }

    /** Of the file with the weights; null for pixels. */
    String sha256() {
        return pixels() ? null : inception.sha256();
    }

    /** Whether the weights are known to be the published ones. */
    boolean published() {
        return pixels() || inception.published();
    }

    /** D */
    int dimension() {
        return pixels() ? 3 * SIDE * SIDE : Inception.POOL;
    }

    /** Of whole numbers 0..255, [B, 3, H, W] -> [B, D]; for pixels without spatial features and logits, which are null. */
    Inception.Output of(Tensor images) {
        return pixels() ? new Inception.Output(averages(images), null, null) : inception.features(images);
    }

    private static Tensor averages(Tensor images) {
        return Scope.keep(() -> {
            long[] window = {images.size(2) / SIDE, images.size(3) / SIDE};
            return torch.avg_pool2d(images, window, window, new long[] {0, 0}, false, true, new LongOptional())
                    .div(new Scalar(255.0))
                    .flatten(1, -1);
        });
    }

    @Override
    public void close() {
        if (!pixels()) {
            inception.close();
        }
    }
}
