package dev.smalti.evaluate;

import dev.smalti.data.Crop;
import dev.smalti.data.DataException;
import dev.smalti.data.ImageBatches;
import dev.smalti.data.ImagePass;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Images of a folder or a file. */
final class StoredImages implements ImageSource {
    private static final int MOST_SIDE = 1024;

    private final Path path;
    private final ImageSet all;
    private final ImageSet images;
    private final boolean skipBad;
    private final Device place;

    /** @param count of images, evenly spread; 0 for all */
    StoredImages(Path path, int count, boolean skipBad, Device place) {
        this.path = path;
        this.all = ImageSet.open(path);
        this.images = count == 0 ? all : Subset.spread(all, count);
        this.skipBad = skipBad;
        this.place = place;
    }

    ImageSet images() {
        return images;
    }

    Path path() {
        return path;
    }

    boolean skipBad() {
        return skipBad;
    }

    @Override
    public int size() {
        return images.size();
    }

    @Override
    public String name() {
        return "features of the fake images";
    }

    @Override
    public long[] classes(List<String> names) {
        int[] numbers = images.classNames().stream().mapToInt(names::indexOf).toArray();
        long[] classes = new long[images.size()];
        for (int i = 0; i < classes.length; i++) {
            int label = images.label(i);
            if (label < 0 || numbers[label] < 0) {
                return null;
            }
            classes[i] = numbers[label];
        }
        return classes;
    }

    /** The largest power of two that isn't more than the shorter side of the first image, from 8 to 1,024; the centre. */
    @Override
    public Preparation preparation(int size) {
        return new Preparation(size == 0 ? side(images.size()) : size, Crop.CENTER, false);
    }

    private int side(int count) {
        for (int i = 0; ; i++) {
            try {
                Pixels first = images.read(i);
                return side(first.width(), first.height());
            } catch (DataException e) {
                if (!skipBad || i == count - 1) {
                    throw e;
                }
            }
        }
    }

    /** That of squares for images of a size. */
    static int side(int width, int height) {
        return Math.max(8, Math.min(MOST_SIDE, Integer.highestOneBit(Math.min(width, height))));
    }

    @Override
    public Compared each(Preparation preparation, LongConsumer progress, Taker taker) {
        return eachBatch(preparation, progress, batch -> taker.take(levels(batch), batch.indices()));
    }

    /** The same with the images as they are for a network, in [-1, 1], and their indices. */
    Compared eachBatch(Preparation preparation, LongConsumer progress, Consumer<ImagePass.Batch> taker) {
        return compared(eachBatch(0, images.size(), preparation, progress, taker));
    }

    /** What {@link #each} gives, from one image on, up to another one that is left out; the first is the first of a batch. */
    Seen each(int from, int to, Preparation preparation, LongConsumer progress, Taker taker) {
        return eachBatch(from, to, preparation, progress, batch -> taker.take(levels(batch), batch.indices()));
    }

    private Seen eachBatch(
            int from, int to, Preparation preparation, LongConsumer progress, Consumer<ImagePass.Batch> taker) {
        Watched watched = new Watched(images, preparation.size(), new AtomicLong(), ConcurrentHashMap.newKeySet());
        try (ImagePass pass = ImageBatches.inOrder(watched, preparation, BATCH, skipBad, from, to)) {
            long count = 0;
            while (pass.hasNext()) {
                count += Scope.value(() -> {
                    ImagePass.Batch batch = pass.next();
                    taker.accept(batch);
                    return batch.indices().length;
                });
                progress.accept(count + pass.skipped());
            }
            return new Seen(count, pass.skipped(), watched.others().get(), watched.sizes());
        }
    }

    /** @throws JobException if there is none that could be read */
    Compared compared(Seen seen) {
        if (seen.images() == 0) {
            throw new JobException(
                    Phrase.of("none of the %d images of %s could be read").with(images.size(), path));
        }
        return new Compared(
                path.toString(),
                seen.images(),
                seen.skipped(),
                seen.resized(),
                seen.sizes().size(),
                images.fingerprint());
    }

    /**
     * What was seen of images.
     *
     * @param sizes that they had, the width in the upper half
     */
    record Seen(long images, long skipped, long resized, Set<Long> sizes) {}

    /**
     * Compares each with that of the other set at the same place.
     *
     * @param progress told of the pairs looked at so far
     * @throws JobException if one of a pair is broken
     */
    void eachPair(StoredImages others, Preparation preparation, LongConsumer progress, PairMeasures measures) {
        long count = 0;
        try (ImagePass ours = ImageBatches.inOrder(images, preparation, BATCH, skipBad);
                ImagePass theirs = ImageBatches.inOrder(others.images, preparation, BATCH, skipBad)) {
            while (ours.hasNext() && theirs.hasNext()) {
                count += Scope.value(() -> {
                    ImagePass.Batch first = ours.next();
                    ImagePass.Batch second = theirs.next();
                    if (!Arrays.equals(first.indices(), second.indices())) {
                        throw new JobException(
                                Phrase.of("pairs need both of their images, and one near %s is broken: repair it")
                                        .with(images.name(first.indices()[0])));
                    }
                    measures.add(levels(first), others.levels(second));
                    return first.indices().length;
                });
                progress.accept(count);
            }
        }
    }

    private Tensor levels(ImagePass.Batch batch) {
        return Reconstruction.levels(batch.images().pixels().to(place, ScalarType.Float));
    }

    @Override
    public void close() {
        all.close();
    }

    /** A set that looks at the sizes of its images. */
    private record Watched(ImageSet images, int side, AtomicLong others, Set<Long> sizes) implements ImageSet {
        @Override
        public int size() {
            return images.size();
        }

        @Override
        public int label(int index) {
            return images.label(index);
        }

        @Override
        public List<String> classNames() {
            return images.classNames();
        }

        @Override
        public String name(int index) {
            return images.name(index);
        }

        @Override
        public Pixels read(int index) {
            Pixels pixels = images.read(index);
            sizes.add((long) pixels.width() << 32 | pixels.height());
            if (pixels.width() != side || pixels.height() != side) {
                others.incrementAndGet();
            }
            return pixels;
        }

        @Override
        public String fingerprint() {
            return images.fingerprint();
        }

        @Override
        public void close() {}
    }
}
