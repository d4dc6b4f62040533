package dev.smalti.evaluate;

import dev.smalti.metric.classifier.Classifier;
import dev.smalti.metric.inception.Inception;
import dev.smalti.run.JobException;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.InterpolateFuncOptions;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.kBicubic;

/** The numbers by which images are compared. */
public interface ImageFeatures extends AutoCloseable {
    /** What gives the features. */
    enum Kind {
        /** The image itself, averaged to 8×8 pixels. */
        PIXELS,
        /** The network of the FID. */
        INCEPTION,
        /** A run of {@code train-features}. */
        CLASSIFIER
    }

    /**
     * Features of a batch.
     *
     * @param pool what sets are compared by; [B, D]
     * @param spatial of the sFID; [B, 2023], null but for Inception
     * @param logits of the classes; [B, K], null for pixels
     */
    record Output(Tensor pool, Tensor spatial, Tensor logits) {}

    /**
     * What {@code --features} names.
     *
     * @param features {@code pixels}, or null for the same, a file or a folder
     * @throws JobException if there is nothing of that name
     */
    static Kind kind(String features) {
        if (features == null || features.equals("pixels")) {
            return Kind.PIXELS;
        }
        Path path = Path.of(features);
        if (Files.isDirectory(path)) {
            return Kind.CLASSIFIER;
        }
        if (Files.isRegularFile(path)) {
            return Kind.INCEPTION;
        }
        throw new JobException(Phrase.of(
                        "--features must be pixels, the --out of train-features, or a file with Inception's weights "
                                + "(torch-fidelity's %s, or a safetensors file with the same), and there is no file or folder %s")
                .with(Inception.PUBLISHED, features));
    }

    /** Opens what {@link #kind} names. */
    static ImageFeatures open(String features, Device device) {
        return switch (kind(features)) {
            case PIXELS -> new OfPixels();
            case INCEPTION -> new OfInception(Path.of(features), Inception.open(Path.of(features), device));
            case CLASSIFIER -> OfClassifier.open(Path.of(features), device);
        };
    }

    Kind kind();

    /** What stands beside every number that comes of them. */
    String name();

    /** Of the file with the weights, in hexadecimal; null for pixels. */
    String sha256();

    /** D */
    int dimension();

    /** K of the logits; 0 where there are none. */
    int classes();

    /** What the logits tell apart; empty where nobody knows. */
    default List<String> classNames() {
        return List.of();
    }

    /** What a reader of their numbers must know, where images are squares of {@code side} pixels. */
    List<String> notices(int side);

    /** Of whole numbers 0..255, [B, 3, H, W] -> [B, D] */
    Output of(Tensor images);

    @Override
    void close();

    /** The image itself, averaged to 8×8 pixels of red, green and blue from 0 to 1: colours and coarse shapes, nothing fine. */
    record OfPixels() implements ImageFeatures {
        private static final int SIDE = 8;

        @Override
        public Kind kind() {
            return Kind.PIXELS;
        }

        @Override
        public String name() {
            return "pixels-8x8";
        }

        @Override
        public String sha256() {
            return null;
        }

        @Override
        public int dimension() {
            return 3 * SIDE * SIDE;
        }

        @Override
        public int classes() {
            return 0;
        }

        @Override
        public List<String> notices(int side) {
            return List.of(name() + " see colours and coarse shapes alone; their distance is no FID");
        }

        @Override
        public Output of(Tensor images) {
            long[] window = {images.size(2) / SIDE, images.size(3) / SIDE};
            Tensor pool = Scope.keep(
                    () -> torch.avg_pool2d(images, window, window, new long[] {0, 0}, false, true, new LongOptional())
                            .div(new Scalar(255.0))
                            .flatten(1, -1));
            return new Output(pool, null, null);
        }

        @Override
        public void close() {}
    }

    /** Those of the FID. */
    record OfInception(Path file, Inception inception) implements ImageFeatures {
        @Override
        public Kind kind() {
            return Kind.INCEPTION;
        }

        @Override
        public String name() {
            return Inception.NAME;
        }

        @Override
        public String sha256() {
            return inception.sha256();
        }

        @Override
        public int dimension() {
            return Inception.POOL;
        }

        @Override
        public int classes() {
            return Inception.CLASSES;
        }

        @Override
        public List<String> notices(int side) {
            return inception.published()
                    ? List.of()
                    : List.of(Phrase.of(
                                    "%s is not torch-fidelity's %s itself: that its weights are the same, its SHA-256 cannot show")
                            .with(file, Inception.PUBLISHED));
        }

        @Override
        public Output of(Tensor images) {
            Inception.Output output = inception.features(images);
            return new Output(output.pool(), output.spatial(), output.logits());
        }

        @Override
        public void close() {
            inception.close();
        }
    }

    /**
     * Those of a run of {@code train-features}, in float32. Images of another size are resized to the classifier's by bicubic
     * interpolation with antialias, and rounded to 8 bits, as {@code evaluate} does with images of several sizes.
     */
    record OfClassifier(String name, String sha256, List<String> classNames, Classifier classifier)
            implements ImageFeatures {
        static OfClassifier open(Path folder, Device device) {
            RunFolder run = RunFolder.open(folder).at("auto"); // and that to the end
            Classifier classifier = run.classifier(device);
            String name = "classifier:" + folder.toAbsolutePath().normalize().getFileName();
            return new OfClassifier(name, run.sha256(), run.description().classNames(), classifier);
        }

        @Override
        public Kind kind() {
            return Kind.CLASSIFIER;
        }

        @Override
        public int dimension() {
            return classifier.dimension();
        }

        @Override
        public int classes() {
            return classifier.classes();
        }

        @Override
        public List<String> notices(int side) {
            List<String> notices = new ArrayList<>();
            notices.add(name()
                    + " was trained on images of its own; its distance is no FID and its score no Inception score,"
                    + " comparable only to those of the same SHA-256");
            int size = classifier.imageSize();
            if (side != size) {
                notices.add(Phrase.of(
                                "for %s images are resized from %dx%d to the %dx%d of its training, bicubic with antialias: add"
                                        + " --size %d to compare them there")
                        .with(name(), side, side, size, size, size));
            }
            return notices;
        }

        @Override
        public Output of(Tensor images) {
            return Scope.keep(() -> {
                Tensor pixels = fitted(images).div(new Scalar(127.5)).sub(new Scalar(1.0)); // [B, 3, size, size]
                Classifier.Output output = classifier.exact(pixels);
                return new Output(output.features(), null, output.logits());
            });
        }

        private Tensor fitted(Tensor images) {
            long size = classifier.imageSize();
            if (images.size(2) == size && images.size(3) == size) {
                return images;
            }
            InterpolateFuncOptions options = new InterpolateFuncOptions();
            options.size().put(new LongVector(new long[] {size, size}));
            options.mode().put(new kBicubic());
            options.align_corners().put(false);
            options.antialias().put(true);
            return torch.interpolate(images, options)
                    .round()
                    .clamp(new ScalarOptional(new Scalar(0.0)), new ScalarOptional(new Scalar(255.0)));
        }

        @Override
        public void close() {
            classifier.close();
        }
    }
}
