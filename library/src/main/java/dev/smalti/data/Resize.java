package dev.smalti.data;

import java.util.Arrays;

/**
 * Bicubic resizing whose filter grows with the ratio, so that every pixel counts when a picture shrinks and fine
 * patterns turn to grey rather than to moiré. The kernel is Keys's (1981) with a = -0.5; weights, rounding and the
 * 8-bit values between the two passes are those of Pillow, so pictures prepared by either are equal.
 */
final class Resize {
    private static final int FRACTION = 22; // 8 bits of sample and 2 of overshoot fit beside it

    private Resize() {}

    /**
     * The square of {@code size} at ({@code left}, {@code top}) of {@code image} resized to {@code width} x {@code
     * height}; only what it needs is computed. -> {@code size * size * 3} bytes of RGB.
     */
    static byte[] window(Pixels image, int width, int height, int left, int top, int size) {
        Axis across = new Axis(image.width(), width, left, size);
        Axis down = new Axis(image.height(), height, top, size);
        int first = down.first();
        int rows = down.end() - first;
        int[] narrow = across(image, across, first, rows, size); // [rows, size, 3]
        return down(narrow, down, first, size);
    }

    private static int[] across(Pixels image, Axis axis, int first, int rows, int size) {
        int[] to = new int[rows * size * 3];
        for (int y = 0; y < rows; y++) {
            int row = (first + y) * image.width() * 3;
            if (axis.same) {
                copyRow(image.rgb(), row + 3 * axis.starts[0], to, 3 * y * size, 3 * size);
            } else {
                narrowRow(image.rgb(), row, to, 3 * y * size, axis);
            }
        }
        return to;
    }

    private static void copyRow(byte[] from, int source, int[] to, int at, int length) {
        for (int i = 0; i < length; i++) {
            to[at + i] = from[source + i] & 255;
        }
    }

    private static void narrowRow(byte[] from, int row, int[] to, int at, Axis axis) {
        int[] weights = axis.weights;
        for (int x = 0, target = at; x < axis.starts.length; x++, target += 3) {
            int source = row + 3 * axis.starts[x];
            int weight = x * axis.taps;
            int end = weight + axis.counts[x];
            int red = 1 << FRACTION - 1;
            int green = 1 << FRACTION - 1;
            int blue = 1 << FRACTION - 1;
            for (; weight < end; weight++, source += 3) {
                int w = weights[weight];
                red += w * (from[source] & 255);
                green += w * (from[source + 1] & 255);
                blue += w * (from[source + 2] & 255);
            }
            to[target] = clamp(red >> FRACTION);
            to[target + 1] = clamp(green >> FRACTION);
            to[target + 2] = clamp(blue >> FRACTION);
        }
    }

    private static byte[] down(int[] from, Axis axis, int first, int size) {
        int width = 3 * size;
        byte[] to = new byte[size * width];
        int[] sum = new int[width];
        for (int y = 0; y < size; y++) {
            Arrays.fill(sum, axis.same ? 0 : 1 << FRACTION - 1);
            for (int tap = 0; tap < axis.counts[y]; tap++) {
                addRow(
                        sum,
                        from,
                        (axis.starts[y] + tap - first) * width,
                        axis.same ? 1 : axis.weights[y * axis.taps + tap]);
            }
            putRow(sum, axis.same ? 0 : FRACTION, to, y * width);
        }
        return to;
    }

    private static void putRow(int[] sum, int shift, byte[] to, int at) {
        for (int x = 0; x < sum.length; x++) {
            to[at + x] = (byte) clamp(sum[x] >> shift);
        }
    }

    /** A loop of its own, for the compiler to turn into vector instructions. */
    private static void addRow(int[] sum, int[] from, int row, int weight) {
        for (int x = 0; x < sum.length; x++) {
            sum[x] += weight * from[row + x];
        }
    }

    private static int clamp(int value) {
        return Math.max(0, Math.min(value, 255));
    }

    /** Where each output sample of one axis comes from, with which weights. */
    private static final class Axis {
        final boolean same;
        final int taps;
        final int[] starts;
        final int[] counts;
        final int[] weights;

        /** Outputs {@code offset} to {@code offset + size} of {@code from} samples resized to {@code to}. */
        Axis(int from, int to, int offset, int size) {
            double scale = (double) from / to;
            double widening = Math.max(scale, 1);
            double support = 2 * widening;
            same = from == to;
            taps = (int) Math.ceil(support) * 2 + 1;
            starts = new int[size];
            counts = new int[size];
            weights = new int[same ? 0 : size * taps];
            double[] exact = new double[taps];
            for (int i = 0; i < size; i++) {
                double center = (offset + i + 0.5) * scale;
                if (same) {
                    starts[i] = offset + i;
                    counts[i] = 1;
                    continue;
                }
                starts[i] = Math.max(0, (int) (center - support + 0.5));
                counts[i] = Math.min(from, (int) (center + support + 0.5)) - starts[i];
                double total = 0;
                for (int tap = 0; tap < counts[i]; tap++) {
                    exact[tap] = cubic((starts[i] + tap - center + 0.5) / widening);
                    total += exact[tap];
                }
                for (int tap = 0; tap < counts[i]; tap++) {
                    double weight = exact[tap] / total * (1 << FRACTION);
                    weights[i * taps + tap] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
                }
            }
        }

        int first() {
            return starts[0];
        }

        int end() {
            int last = starts.length - 1;
            return starts[last] + counts[last];
        }

        /** Keys 1981, equation 4, with a = -0.5. */
        private static double cubic(double distance) {
            double x = Math.abs(distance);
            if (x < 1) {
                return (1.5 * x - 2.5) * x * x + 1;
            }
            return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
        }
    }
}
