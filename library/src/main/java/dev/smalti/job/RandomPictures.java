package dev.smalti.job;

import dev.smalti.data.ImageSet;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Seed;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Squares of noise in place of a data set that isn't there yet.
 *
 * @param count how many
 * @param side of each, in pixels
 * @param classes 0 for none
 */
record RandomPictures(int count, int side, int classes) implements ImageSet {
    @Override
    public int size() {
        return count;
    }

    @Override
    public int label(int index) {
        return classes == 0 ? -1 : index % classes;
    }

    @Override
    public List<String> classNames() {
        return IntStream.range(0, classes).mapToObj(Integer::toString).toList();
    }

    @Override
    public String name(int index) {
        return "random picture " + index;
    }

    @Override
    public Pixels read(int index) {
        byte[] rgb = new byte[3 * side * side];
        new Seed(index).random().nextBytes(rgb);
        return new Pixels(side, side, rgb);
    }

    @Override
    public String fingerprint() {
        return "random pictures";
    }

    @Override
    public void close() {}
}
