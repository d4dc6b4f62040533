package dev.smalti.data;

import dev.smalti.tensor.Seed;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Some images of a set. Closing it leaves the set open. */
public final class Subset implements ImageSet {
    private final ImageSet all;
    private final int[] indices;

    private Subset(ImageSet all, int[] indices) {
        this.all = all;
        this.indices = indices;
    }

    /**
     * Divides a set at random into what is trained on and what is held out.
     *
     * @return the first, and the second, which may be empty
     */
    public static Subset[] divide(ImageSet all, double heldOut, Seed seed) {
        int[] order = shuffled(all.size(), seed);
        int out = heldOutSize(order.length, heldOut);
        return new Subset[] {
            new Subset(all, Arrays.copyOfRange(order, out, order.length)),
            new Subset(all, Arrays.copyOfRange(order, 0, out))
        };
    }

    /** So many, evenly spread, in the order of the set; all if there are no more. */
    public static Subset spread(ImageSet all, int count) {
        int size = Math.min(count, all.size());
        return new Subset(
                all,
                IntStream.range(0, size)
                        .map(i -> (int) ((long) i * all.size() / size))
                        .toArray());
    }

    /** The first so many; all if there are no more. */
    public static Subset first(ImageSet all, int count) {
        return new Subset(all, IntStream.range(0, Math.min(count, all.size())).toArray());
    }

    /** Those from one number on, up to another one that is left out. */
    public static Subset part(ImageSet all, int from, int to) {
        return new Subset(all, IntStream.range(from, to).toArray());
    }

    /** At most 1,000, at least one where a share is asked for, and never all. */
    public static int heldOutSize(int size, double share) {
        int wanted = share == 0 ? 0 : Math.max(1, (int) Math.min(1000, Math.round(size * share)));
        return Math.min(wanted, size - 1);
    }

    public static int[] shuffled(int size, Seed seed) {
        int[] order = new int[size];
        SplittableRandom random = seed.random();
        for (int i = 0; i < size; i++) {
            int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        return order;
    }

    @Override
    public int size() {
        return indices.length;
    }

    /** Which of the whole set an image is. */
    public int index(int index) {
        return indices[index];
    }

    @Override
    public int label(int index) {
        return all.label(indices[index]);
    }

    @Override
    public List<String> classNames() {
        return all.classNames();
    }

    @Override
    public String name(int index) {
        return all.name(indices[index]);
    }

    @Override
    public Pixels read(int index) {
        return all.read(indices[index]);
    }

    @Override
    public Extent extent(int index) {
        return all.extent(indices[index]);
    }

    @Override
    public String fingerprint() {
        return all.fingerprint();
    }

    @Override
    public void close() {}
}
