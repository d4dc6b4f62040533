package dev.smalti.prior.process;

/**
 * The order in which a two-dimensional Halton sequence first visits the cells of a grid: neighbours in it are far apart in
 * the grid. Besnier et al. 2025, arXiv:2503.17076; the sequence begins at its point number 1, as in their code.
 */
public final class Halton {
    private Halton() {}

    /** The cells in the order of their first visit, numbered row-major. [h·w] */
    public static long[] order(int height, int width) {
        int length = height * width;
        long[] order = new long[length];
        boolean[] seen = new boolean[length];
        int found = 0;
        for (long n = 1; found < length; n++) {
            int cell = scaled(n, 2, height) * width + scaled(n, 3, width);
            if (!seen[cell]) {
                seen[cell] = true;
                order[found++] = cell;
            }
        }
        return order;
    }

    /**
     * ⌊size · v⌋ of van der Corput's v, whose digits in {@code base} are those of n mirrored at the point; in whole numbers.
     */
    private static int scaled(long n, int base, int size) {
        long mirrored = 0;
        long power = 1;
        for (long rest = n; rest > 0; rest /= base) {
            mirrored = mirrored * base + rest % base;
            power *= base;
        }
        return (int) (mirrored * size / power);
    }
}
