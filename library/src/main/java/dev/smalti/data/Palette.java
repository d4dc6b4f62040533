package dev.smalti.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * At most 256 colours for one picture. Those of the picture if it has no more; else boxes of colours are halved at
 * their mean, that with the largest squared error first (Wan, Wong and Prusinkiewicz 1988), and the error of each pixel
 * is passed on to its neighbours (Floyd and Steinberg 1976). White keeps an entry of its own, so borders stay clean.
 */
final class Palette {
    private static final int MOST = 256;
    private static final int BITS = 6; // of each colour, for the boxes and for looking up the nearest colour

    private final int[] colors;
    private final boolean exact;

    private Palette(int[] colors, boolean exact) {
        this.colors = colors;
        this.exact = exact;
    }

    static Palette of(Pixels image) {
        int[] few = distinct(image);
        return few.length <= MOST ? new Palette(few, true) : new Palette(boxes(image), false);
    }

    /** As 0xRRGGBB. */
    int[] colors() {
        return colors;
    }

    /** Which colour each pixel of {@code image} has. */
    byte[] indices(Pixels image) {
        byte[] indices = new byte[image.width() * image.height()];
        if (exact) {
            for (int i = 0; i < indices.length; i++) {
                indices[i] = (byte) Arrays.binarySearch(colors, color(image, i));
            }
        } else {
            dither(image, indices);
        }
        return indices;
    }

    private void dither(Pixels image, byte[] indices) {
        int width = image.width();
        short[] nearest = new short[1 << 3 * BITS];
        Arrays.fill(nearest, (short) -1);
        int[] error = new int[3 * (width + 2)]; // of this row, in sixteenths
        int[] below = new int[error.length];
        int[] value = new int[3];
        for (int y = 0; y < image.height(); y++) {
            for (int x = 0; x < width; x++) {
                int pixel = y * width + x;
                int at = 3 * (x + 1);
                boolean white = color(image, pixel) == 0xffffff;
                for (int c = 0; c < 3; c++) {
                    int wanted = (image.rgb()[3 * pixel + c] & 255) + (white ? 0 : error[at + c] + 8 >> 4);
                    value[c] = Math.max(0, Math.min(255, wanted));
                }
                int index = nearest(nearest, value);
                indices[pixel] = (byte) index;
                for (int c = 0; c < 3; c++) {
                    int missed = value[c] - (colors[index] >> 16 - 8 * c & 255);
                    error[at + 3 + c] += 7 * missed;
                    below[at - 3 + c] += 3 * missed;
                    below[at + c] += 5 * missed;
                    below[at + 3 + c] += missed;
                }
            }
            int[] done = error;
            error = below;
            below = done;
            Arrays.fill(below, 0);
        }
    }

    private int nearest(short[] known, int[] value) {
        int key = key(value[0], value[1], value[2]);
        if (value[0] + value[1] + value[2] == 3 * 255) {
            return 0; // white
        }
        if (known[key] < 0) {
            int best = Integer.MAX_VALUE;
            for (int i = 0; i < colors.length; i++) {
                int red = value[0] - (colors[i] >> 16 & 255);
                int green = value[1] - (colors[i] >> 8 & 255);
                int blue = value[2] - (colors[i] & 255);
                int distance = red * red + green * green + blue * blue;
                if (distance < best) {
                    best = distance;
                    known[key] = (short) i;
                }
            }
        }
        return known[key];
    }

    /** All colours in order, or one more than fit. */
    private static int[] distinct(Pixels image) {
        Set<Integer> seen = new TreeSet<>();
        for (int i = 0; i < image.width() * image.height() && seen.size() <= MOST; i++) {
            seen.add(color(image, i));
        }
        return seen.stream().mapToInt(Integer::intValue).toArray();
    }

    private static int[] boxes(Pixels image) {
        long[][] sums = new long[1 << 3 * BITS][]; // of each cell: pixels, red, green, blue
        for (int i = 0; i < image.width() * image.height(); i++) {
            int color = color(image, i);
            int red = color >> 16;
            int green = color >> 8 & 255;
            int blue = color & 255;
            int key = key(red, green, blue);
            long[] sum = sums[key] == null ? sums[key] = new long[4] : sums[key];
            sum[0]++;
            sum[1] += red;
            sum[2] += green;
            sum[3] += blue;
        }
        long[][] cells = Arrays.stream(sums).filter(sum -> sum != null).toArray(long[][]::new);
        List<Box> boxes = new ArrayList<>(List.of(new Box(cells)));
        while (boxes.size() < MOST - 1) {
            Box worst = boxes.get(0);
            for (Box box : boxes) {
                worst = box.error > worst.error ? box : worst;
            }
            if (worst.error <= 0) {
                break;
            }
            boxes.remove(worst);
            boxes.addAll(worst.halves());
        }
        int[] colors = new int[boxes.size() + 1];
        colors[0] = 0xffffff;
        for (int i = 0; i < boxes.size(); i++) {
            colors[i + 1] = boxes.get(i).mean();
        }
        return colors;
    }

    /** Cells of colours, each with its number of pixels and sums of red, green and blue. */
    private static final class Box {
        final long[][] cells;
        final double[] mean = new double[3];
        final double error;
        final int widest;

        Box(long[][] cells) {
            this.cells = cells;
            double pixels = 0;
            double[] squares = new double[3];
            for (long[] cell : cells) {
                pixels += cell[0];
                for (int c = 0; c < 3; c++) {
                    mean[c] += cell[c + 1];
                    squares[c] += (double) cell[c + 1] * cell[c + 1] / cell[0];
                }
            }
            int axis = 0;
            double total = 0;
            for (int c = 0; c < 3; c++) {
                mean[c] /= pixels;
                squares[c] -= pixels * mean[c] * mean[c];
                total += squares[c];
                axis = squares[c] > squares[axis] ? c : axis;
            }
            error = cells.length > 1 ? total : 0;
            widest = axis;
        }

        List<Box> halves() {
            long[][] low = Arrays.stream(cells).filter(this::isLow).toArray(long[][]::new);
            long[][] high = Arrays.stream(cells).filter(cell -> !isLow(cell)).toArray(long[][]::new);
            if (low.length == 0 || high.length == 0) { // rounding: the cells are alike
                low = Arrays.copyOfRange(cells, 0, cells.length / 2);
                high = Arrays.copyOfRange(cells, cells.length / 2, cells.length);
            }
            return List.of(new Box(low), new Box(high));
        }

        int mean() {
            return (int) Math.round(mean[0]) << 16 | (int) Math.round(mean[1]) << 8 | (int) Math.round(mean[2]);
        }

        private boolean isLow(long[] cell) {
            return (double) cell[widest + 1] / cell[0] <= mean[widest];
        }
    }

    private static int key(int red, int green, int blue) {
        int drop = 8 - BITS;
        return (red >> drop) << 2 * BITS | (green >> drop) << BITS | blue >> drop;
    }

    private static int color(Pixels image, int pixel) {
        byte[] rgb = image.rgb();
        return (rgb[3 * pixel] & 255) << 16 | (rgb[3 * pixel + 1] & 255) << 8 | rgb[3 * pixel + 2] & 255;
    }
}
