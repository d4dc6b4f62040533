package dev.smalti.data;

import dev.smalti.tensor.Seed;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * An endless shuffled stream of pictures, cut into batches that are decoded on background threads.
 *
 * <p>Item {@code k} of the stream is picture {@code k mod size} of the permutation of epoch {@code k / size}; step
 * {@code s} holds items {@code s * batch} to {@code (s + 1) * batch}, exclusive. Crops and flips come from
 * {@code seed.child(epoch).child(picture)}. So a batch depends on the seed and its step alone, and a run resumes
 * anywhere.
 *
 * <p>Broken files are an error that names them, or are skipped: then another picture, chosen by the same seed, takes
 * the place.
 *
 * <p>For one thread at a time. Closing doesn't close the set.
 */
public final class ImageBatches implements AutoCloseable {
    /** A card eats pictures faster than two threads decode them. */
    private static final int THREADS =
            Math.max(2, Math.min(8, Runtime.getRuntime().availableProcessors() / 3));

    private final ImageSet set;
    private final Preparation preparation;
    private final int batch;
    private final Seed seed;
    private final Seed orders;
    private final Loader loader;
    private final Deque<Loader.Pending> queue = new ArrayDeque<>();
    private long head; // the step that is first in the queue
    private long epoch = -1;
    private int[] order; // of that epoch
    private int stride = 1; // between the steps that are asked for

    public ImageBatches(ImageSet set, Preparation preparation, int batch, Seed seed, boolean skipBad) {
        this(set, preparation, batch, seed, skipBad, THREADS);
    }

    /** @param orders whose child of an epoch is that of its permutation, instead of one that grows from {@code seed} */
    public ImageBatches(ImageSet set, Preparation preparation, int batch, Seed seed, Seed orders, boolean skipBad) {
        this(set, preparation, batch, seed, orders, skipBad, THREADS);
    }

    /** @param threads that decode in the background */
    public ImageBatches(ImageSet set, Preparation preparation, int batch, Seed seed, boolean skipBad, int threads) {
        this(set, preparation, batch, seed, seed.child("order"), skipBad, threads);
    }

    private ImageBatches(
            ImageSet set, Preparation preparation, int batch, Seed seed, Seed orders, boolean skipBad, int threads) {
        this.set = set;
        this.preparation = preparation;
        this.batch = batch;
        this.seed = seed;
        this.orders = orders;
        loader = new Loader(set, preparation, batch, skipBad, threads);
    }

    /**
     * One pass over all pictures in the order of the set, for jobs that must see each of them once. Broken pictures are
     * left out if {@code skipBad} says so.
     */
    public static ImagePass inOrder(ImageSet set, Preparation preparation, int batch, boolean skipBad) {
        return inOrder(set, preparation, batch, skipBad, 0);
    }

    /** The same from a picture on; with a multiple of {@code batch}, the batches are those of the whole pass. */
    public static ImagePass inOrder(ImageSet set, Preparation preparation, int batch, boolean skipBad, int from) {
        return inOrder(set, preparation, batch, skipBad, from, set.size());
    }

    /** The same up to a picture that is left out. */
    public static ImagePass inOrder(
            ImageSet set, Preparation preparation, int batch, boolean skipBad, int from, int end) {
        return views(set, preparation, 1, Set.of(), batch, skipBad, from, end);
    }

    /**
     * The same with several views of each picture, batch by batch: what is random in one follows from the picture and the
     * number of the view, and with flips every second view is mirrored.
     *
     * @param upright classes of which no view is mirrored
     * @param end the picture before which it ends
     */
    public static ImagePass views(
            ImageSet set,
            Preparation preparation,
            int views,
            Set<Integer> upright,
            int batch,
            boolean skipBad,
            int from,
            int end) {
        Loader loader = new Loader(set, preparation, batch, views, upright, skipBad, THREADS);
        return new ImagePass(preparation, batch, from, end, views, loader);
    }

    /**
     * The batch of {@code step}; its tensors belong to the caller's scope. Consecutive steps were prepared in the
     * background meanwhile.
     *
     * @throws DataException naming a file that is broken, where those are not skipped
     */
    public Images batch(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0, got " + step);
        }
        if (step != head) {
            dropQueue();
            head = step;
        }
        int ahead = loader.ahead();
        while (queue.size() <= ahead) {
            queue.add(start(head + (long) queue.size() * stride));
        }
        head += stride;
        Loader.Loaded loaded;
        try {
            loaded = queue.remove().await();
        } catch (RuntimeException e) {
            dropQueue();
            throw e;
        }
        return Images.of(loaded.rgb(), loaded.labels(), preparation.size());
    }

    /** Prepares every {@code stride}-th batch ahead, where the others are other processes'. */
    public ImageBatches every(int stride) {
        this.stride = stride;
        return this;
    }

    /** How many broken files were met and skipped so far. */
    public long skipped() {
        return loader.skipped();
    }

    @Override
    public void close() {
        dropQueue();
        loader.close();
    }

    private Loader.Pending start(long step) {
        int[] indices = new int[batch];
        Seed[] seeds = new Seed[batch];
        for (int i = 0; i < batch; i++) {
            long item = Math.addExact(Math.multiplyExact(step, batch), i);
            shuffle(item / set.size());
            indices[i] = order[(int) (item % set.size())];
            seeds[i] = seed.child(epoch).child(indices[i]);
        }
        return loader.start(indices, seeds, true);
    }

    /** The permutation of an epoch, by Fisher and Yates; one is kept. */
    private void shuffle(long wanted) {
        if (wanted == epoch) {
            return;
        }
        SplittableRandom random = orders.child(wanted).random();
        order = order == null ? new int[set.size()] : order;
        for (int i = 0; i < order.length; i++) {
            int other = random.nextInt(i + 1);
            order[i] = order[other];
            order[other] = i;
        }
        epoch = wanted;
    }

    private void dropQueue() {
        queue.forEach(Loader.Pending::cancel);
        queue.clear();
    }
}
