package dev.smalti.data;

import dev.smalti.tensor.Seed;
import java.util.SplittableRandom;

/**
 * How pictures become equal squares: the shorter side is resized to {@code size} (see {@link Resize}), a part of the
 * longer one is kept, and half of the pictures are mirrored if {@code flip} says so.
 *
 * @param size at least 8
 */
public record Preparation(int size, Crop crop, boolean flip) {
    /** @throws IllegalArgumentException naming the size that is none */
    public Preparation {
        if (size < 8) {
            throw new IllegalArgumentException("image size must be at least 8, got " + size);
        }
    }

    /** A picture -> {@code size * size * 3} bytes of RGB. What is random comes from {@code random} alone. */
    public byte[] apply(Pixels image, SplittableRandom random) {
        Frame frame = frame(image.width(), image.height(), random);
        byte[] rgb = Resize.window(image, frame.width, frame.height, frame.left, frame.top, size);
        if (frame.mirrored) {
            mirror(rgb);
        }
        return rgb;
    }

    /**
     * One of several views of a picture: each is cut by chance of its own, and with {@code flip} every second one is mirrored,
     * so that an even number of views has as many of either.
     *
     * @param view from 0 on
     * @param upright not to mirror this picture
     * @param seed of the picture
     */
    byte[] view(Pixels image, int view, boolean upright, Seed seed) {
        byte[] rgb = new Preparation(size, crop, false)
                .apply(image, (view == 0 ? seed : seed.child(view)).random()); // the first is that which is alone
        if (flip && !upright && view % 2 == 1) {
            mirror(rgb);
        }
        return rgb;
    }

    /**
     * A mask of a picture -> the mask of the square that the picture becomes with the same random numbers. A pixel is open
     * where any part of it was.
     */
    public Mask apply(Mask mask, SplittableRandom random) {
        Frame frame = frame(mask.width(), mask.height(), random);
        boolean[] open = new boolean[size * size];
        for (int y = 0; y < mask.height(); y++) {
            int top = Math.max(0, first(y, mask.height(), frame.height) - frame.top);
            int bottom = Math.min(size, end(y, mask.height(), frame.height) - frame.top);
            for (int x = 0; x < mask.width(); x++) {
                if (mask.at(x, y)) {
                    int left = Math.max(0, first(x, mask.width(), frame.width) - frame.left);
                    int right = Math.min(size, end(x, mask.width(), frame.width) - frame.left);
                    for (int row = top; row < bottom; row++) {
                        for (int column = left; column < right; column++) {
                            open[row * size + (frame.mirrored ? size - 1 - column : column)] = true;
                        }
                    }
                }
            }
        }
        return new Mask(size, size, open);
    }

    /** The first of {@code to} equal parts that has something of the {@code index}-th of {@code from}. */
    private static int first(int index, int from, int to) {
        return (int) ((long) index * to / from);
    }

    /** The part behind the last of these. */
    private static int end(int index, int from, int to) {
        return (int) (((index + 1L) * to + from - 1) / from);
    }

    /** Where the square lies in the resized picture. */
    private record Frame(int width, int height, int left, int top, boolean mirrored) {}

    private Frame frame(int from, int high, SplittableRandom random) {
        double ratio = (double) Math.min(from, high) / size;
        int width = crop == Crop.NONE ? size : Math.max(size, (int) Math.round(from / ratio));
        int height = crop == Crop.NONE ? size : Math.max(size, (int) Math.round(high / ratio));
        int left = crop == Crop.RANDOM ? random.nextInt(width - size + 1) : (width - size) / 2;
        int top = crop == Crop.RANDOM ? random.nextInt(height - size + 1) : (height - size) / 2;
        return new Frame(width, height, left, top, flip && random.nextBoolean());
    }

    private void mirror(byte[] rgb) {
        for (int y = 0; y < size; y++) {
            int left = 3 * y * size;
            int right = left + 3 * (size - 1);
            for (; left < right; left += 3, right -= 3) {
                for (int c = 0; c < 3; c++) {
                    byte kept = rgb[left + c];
                    rgb[left + c] = rgb[right + c];
                    rgb[right + c] = kept;
                }
            }
        }
    }
}
