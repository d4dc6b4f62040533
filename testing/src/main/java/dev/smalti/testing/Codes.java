package dev.smalti.testing;

/** The codes that some places may come to, each by itself: thrown out of the step that draws them, by {@link Decisions}. */
final class Codes extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final double[][][] laws;
    private final int states;

    /**
     * @param laws the probabilities of the states of each place of each grid, [B][L][S]; null where none is drawn
     * @param states S
     */
    Codes(double[][][] laws, int states) {
        super(null, null, false, false);
        this.laws = laws;
        this.states = states;
    }

    double[][][] laws() {
        return laws;
    }

    int states() {
        return states;
    }

    /** All combinations. */
    Branches branches() {
        Branches branches = new Branches(laws[0].length);
        for (int row = 0; row < laws.length; row++) {
            branches.add(row, laws[row]);
        }
        return branches;
    }

    /** A state for each place where one is drawn: the first of each S get each state once, and no two neighbours the same. [B · L] */
    long[] cycled(int turn) {
        int length = laws[0].length;
        long[] drawn = new long[laws.length * length];
        for (int i = 0; i < drawn.length; i++) {
            drawn[i] = laws[i / length][i % length] == null ? Decisions.NONE : (turn + i % length) % states;
        }
        return drawn;
    }
}
