package dev.smalti.testing;

import java.util.Arrays;

/**
 * What a decision may come to in each row of a batch: thrown out of the step that asks for it, by {@link Decisions}, so that the step
 * is taken again with a row for each.
 */
final class Branches extends RuntimeException {
    /** Codes that are rarer are never drawn, as is what stands for ln 0 in {@link dev.smalti.prior.process.ReverseProcess}. */
    static final double RARE = 1e-18;

    private static final long serialVersionUID = 1;

    private final int length;
    private int count;
    private int[] parents = new int[64];
    private double[] shares = new double[64];
    private long[] outcomes;

    /** @param length L */
    Branches(int length) {
        super(null, null, false, false);
        this.length = length;
        this.outcomes = new long[64 * length];
    }

    /** One way that row {@code row} may go, with its probability, and what is decided at each place [L]. */
    void add(int row, double share, long... outcome) {
        if (count == shares.length) {
            parents = Arrays.copyOf(parents, 2 * count);
            shares = Arrays.copyOf(shares, 2 * count);
            outcomes = Arrays.copyOf(outcomes, 2 * count * length);
        }
        parents[count] = row;
        shares[count] = share;
        System.arraycopy(outcome, 0, outcomes, count * length, length);
        count++;
    }

    /**
     * All combinations of what is decided at some places, each by itself.
     *
     * @param laws the probabilities of 0, 1, … at each place; null for a place where nothing is decided [L][]
     */
    void add(int row, double[][] laws) {
        add(row, laws, 0, 1, new long[length]);
    }

    private void add(int row, double[][] laws, int place, double share, long[] outcome) {
        if (place == length) {
            add(row, share, outcome);
        } else if (laws[place] == null) {
            outcome[place] = Decisions.NONE;
            add(row, laws, place + 1, share, outcome);
        } else {
            for (int each = 0; each < laws[place].length; each++) {
                if (laws[place][each] > RARE) {
                    outcome[place] = each;
                    add(row, laws, place + 1, share * laws[place][each], outcome);
                }
            }
        }
    }

    /** How many rows there are to be. */
    int count() {
        return count;
    }

    /** The row that a new one comes of. */
    int parent(int number) {
        return parents[number];
    }

    /** Its probability, of that of the row it comes of. */
    double share(int number) {
        return shares[number];
    }

    /** What is decided in some new rows. [(to - from) · L] */
    long[] outcomes(int from, int to) {
        return Arrays.copyOfRange(outcomes, from * length, to * length);
    }
}
