package dev.smalti.tensor;

import java.util.SplittableRandom;

/**
 * Normal numbers that are the same on every machine and Java: the polar method (Marsaglia and Bray 1964) with strict
 * functions, since libtorch's and Java's own may differ in the last bits or change with a version.
 */
public final class Gaussian {
    private Gaussian() {}

    /** Fills {@code numbers} from {@code from} (inclusive) to {@code to} (exclusive) with draws of N(0, 1). */
    public static void fill(SplittableRandom random, float[] numbers, int from, int to) {
        for (int i = from; i < to; i += 2) {
            double x;
            double y;
            double square;
            do {
                x = 2 * random.nextDouble() - 1;
                y = 2 * random.nextDouble() - 1;
                square = x * x + y * y;
            } while (square >= 1 || square == 0);
            double scale = StrictMath.sqrt(-2 * StrictMath.log(square) / square);
            numbers[i] = (float) (x * scale);
            if (i + 1 < to) {
                numbers[i + 1] = (float) (y * scale);
            }
        }
    }
}
