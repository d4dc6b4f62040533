package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** Pictures of equal size, one behind another without compression: IDX, CIFAR, NumPy. */
final class Records implements ImageSet {
    private final String source;
    private final Layout layout;
    private final Bytes bytes;
    private final int[] labels;
    private final List<String> classNames;
    private final String fingerprint;
    private final int size;

    /** @param labels one a picture, or null */
    Records(
            String source,
            Layout layout,
            int size,
            Bytes bytes,
            int[] labels,
            List<String> classNames,
            String fingerprint) {
        this.source = source;
        this.layout = layout;
        this.size = size;
        this.bytes = bytes;
        this.labels = labels;
        this.classNames = classNames;
        this.fingerprint = fingerprint;
    }

    /**
     * Where the pictures are.
     *
     * @param start of the first record
     * @param skip bytes of each record before its picture
     * @param channels 1 or 3
     * @param planar whether all red comes before all green, rather than side by side
     */
    record Layout(long start, int skip, int height, int width, int channels, boolean planar) {
        int record() {
            return skip + height * width * channels;
        }
    }

    @Override
    public int size() {
        return size;
    }

    @Override
    public int label(int index) {
        Objects.checkIndex(index, size);
        return labels == null ? -1 : labels[index];
    }

    @Override
    public List<String> classNames() {
        return classNames;
    }

    @Override
    public String name(int index) {
        return Phrase.of("image %d of %s").with(index, source);
    }

    @Override
    public Pixels read(int index) {
        Objects.checkIndex(index, size);
        int pixels = layout.height * layout.width;
        byte[] from;
        try {
            from = bytes.read(layout.start + (long) index * layout.record() + layout.skip, pixels * layout.channels);
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); was the file changed meanwhile?")
                            .with(name(index), e),
                    e);
        }
        if (layout.channels == 3 && !layout.planar) {
            return new Pixels(layout.width, layout.height, from);
        }
        byte[] rgb = new byte[3 * pixels];
        int channel = layout.channels == 3 ? pixels : 0;
        for (int i = 0, to = 0; i < pixels; i++) {
            for (int c = 0; c < 3; c++) {
                rgb[to++] = from[c * channel + i];
            }
        }
        return new Pixels(layout.width, layout.height, rgb);
    }

    @Override
    public String fingerprint() {
        return fingerprint;
    }

    @Override
    public void close() {
        bytes.close();
    }

    /** "0", "1" and so on, up to the largest of {@code labels}; none where there are no labels. */
    static List<String> numbers(int[] labels) {
        if (labels == null) {
            return List.of();
        }
        int classes = IntStream.of(labels).max().orElse(-1) + 1;
        return IntStream.range(0, classes).mapToObj(Integer::toString).toList();
    }
}
