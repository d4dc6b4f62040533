package dev.smalti.studio;

import dev.smalti.data.Crop;
import dev.smalti.data.DataException;
import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.data.Subset;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Images of a data set in memory, small, among which the nearest to an image are looked for by their pixels, as {@link
 * dev.smalti.job.FindNeighbours} does. They are read in the background; of a set that is too large, some spread over it.
 */
final class Neighbourhood implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Neighbourhood.class);
    private static final long MOST_BYTES = 128L << 20;

    private final ImageSet all;
    private final ImageSet some;
    private final Preparation preparation;
    private final byte[][] rows; // null where an image is broken
    private final Thread reader = new Thread(this::read, "smalti-neighbours");
    private volatile int read; // how many of them are there
    private volatile boolean closed;

    /**
     * An image of the data.
     *
     * @param distance the square root of the mean squared difference of pixel values from 0 to 1
     */
    record Neighbour(String name, double distance, Pixels image) {}

    /** @param side of the squares that are compared, in pixels */
    Neighbourhood(Path data, int side) {
        this.all = ImageSet.open(data);
        int most = (int) (MOST_BYTES / (3L * side * side));
        this.some = all.size() <= most ? all : Subset.spread(all, most);
        this.preparation = new Preparation(side, Crop.CENTER, false);
        this.rows = new byte[some.size()][];
        reader.setDaemon(true);
        reader.start();
    }

    private void read() {
        for (int i = 0; i < rows.length && !closed; i++) {
            try {
                rows[i] = square(some.read(i));
            } catch (DataException e) {
                LOG.warn("left out of the neighbours: {}", e.getMessage());
            }
            read = i + 1;
        }
    }

    private byte[] square(Pixels image) {
        return preparation.apply(image, new SplittableRandom(0));
    }

    /** Images that are there so far. */
    int compared() {
        return read;
    }

    /** Images that will be there. */
    int size() {
        return rows.length;
    }

    /** Images of the whole set. */
    int all() {
        return all.size();
    }

    /** The nearest among those that are there so far, nearest first. */
    List<Neighbour> nearest(Pixels image, int count) {
        byte[] own = square(image);
        record Place(int index, long squares) {}
        List<Place> places = new ArrayList<>();
        int there = read;
        for (int i = 0; i < there; i++) {
            if (rows[i] != null) {
                places.add(new Place(i, squares(own, rows[i])));
            }
        }
        places.sort(Comparator.comparingLong(Place::squares));
        int side = preparation.size();
        return places.stream()
                .limit(count)
                .map(each -> new Neighbour(
                        some.name(each.index()),
                        Math.sqrt((double) each.squares() / own.length) / 255,
                        new Pixels(side, side, rows[each.index()])))
                .toList();
    }

    private static long squares(byte[] one, byte[] other) {
        long sum = 0;
        for (int i = 0; i < one.length; i++) {
            int difference = (one[i] & 255) - (other[i] & 255);
            sum += difference * difference;
        }
        return sum;
    }

    @Override
    public void close() {
        closed = true;
        try {
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        all.close();
    }
}
