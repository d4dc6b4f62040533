package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Seed;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.stream.IntStream;

/**
 * All pictures of a set once, in its order, decoded on background threads; see {@link ImageBatches#inOrder}. The last
 * batch may be smaller, and so are those whose broken pictures were left out. What a {@link Preparation} does at random
 * depends on a picture's index alone.
 *
 * <pre>{@code
 * try (ImagePass pass = ImageBatches.inOrder(set, preparation, 64, false)) {
 *     while (pass.hasNext()) {
 *         Scope.free(() -> encode(pass.next()));
 *     }
 * }
 * }</pre>
 */
public final class ImagePass implements Iterator<ImagePass.Batch>, AutoCloseable {
    private final Preparation preparation;
    private final int batch;
    private final int views;
    private final Loader loader;
    private final Deque<Loader.Pending> queue = new ArrayDeque<>();
    private final long end;
    private long started;
    private Loader.Pending current;
    private Loader.Loaded loaded;
    private int view; // of what is loaded, the next

    ImagePass(Preparation preparation, int batch, int from, int end, int views, Loader loader) {
        this.started = from;
        this.end = end;
        this.preparation = preparation;
        this.batch = batch;
        this.views = views;
        this.loader = loader;
    }

    /**
     * Some pictures, or one view of each: where there are several, the other views of the same pictures follow.
     *
     * @param indices which of the set they are [B]
     */
    public record Batch(Images images, int[] indices) {}

    /** @throws DataException naming a file that is broken, where those are not skipped */
    @Override
    public boolean hasNext() {
        while (loaded == null) {
            while (started < end && queue.size() <= loader.ahead()) {
                start();
            }
            if (queue.isEmpty()) {
                return false;
            }
            current = queue.remove();
            Loader.Loaded next = current.await();
            loaded = count(next.good()) > 0 ? next : null;
        }
        return true;
    }

    /**
     * The next pictures; the tensors belong to the caller's scope.
     *
     * @throws DataException naming a file that is broken, where those are not skipped
     */
    @Override
    public Batch next() {
        if (!hasNext()) {
            throw new NoSuchElementException(
                    Phrase.of("all %,d pictures were read").with(end));
        }
        int bytes = 3 * preparation.size() * preparation.size();
        int[] good = IntStream.range(0, loaded.good().length)
                .filter(i -> loaded.good()[i])
                .toArray();
        boolean whole = views == 1 && good.length == loaded.good().length;
        byte[] rgb = whole ? loaded.rgb() : new byte[good.length * bytes];
        int first = view * loaded.good().length;
        for (int i = 0; i < good.length && !whole; i++) {
            System.arraycopy(loaded.rgb(), (first + good[i]) * bytes, rgb, i * bytes, bytes);
        }
        long[] labels = IntStream.of(good).mapToLong(i -> loaded.labels()[i]).toArray();
        int[] indices = IntStream.of(good).map(i -> current.indices[i]).toArray();
        view = (view + 1) % views;
        loaded = view == 0 ? null : loaded;
        return new Batch(Images.of(rgb, labels, preparation.size()), indices);
    }

    /** How many broken files were met and left out so far. */
    public long skipped() {
        return loader.skipped();
    }

    @Override
    public void close() {
        queue.forEach(Loader.Pending::cancel);
        loader.close();
    }

    private void start() {
        int[] indices = IntStream.range((int) started, (int) Math.min(end, started + batch))
                .toArray();
        Seed[] seeds = IntStream.of(indices)
                .mapToObj(index -> new Seed(0).child(index))
                .toArray(Seed[]::new);
        queue.add(loader.start(indices, seeds, false));
        started += batch;
    }

    private static int count(boolean[] values) {
        int count = 0;
        for (boolean value : values) {
            count += value ? 1 : 0;
        }
        return count;
    }
}
