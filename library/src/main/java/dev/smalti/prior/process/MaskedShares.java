package dev.smalti.prior.process;

import java.util.function.DoubleUnaryOperator;

/**
 * When which share of the tokens of a grid is masked, and what the network is told of it.
 *
 * @param share of masked tokens at a time in the method's own unit, growing with it
 * @param told what the network is told at a time
 */
public record MaskedShares(DoubleUnaryOperator share, DoubleUnaryOperator told) {
    /** Time is the share itself, and the network is told it. */
    public static final MaskedShares PLAIN = new MaskedShares(time -> time, time -> time);

    private static final int HALVINGS = 60;

    /** The share of masked tokens at a time. */
    double share(double time) {
        return share.applyAsDouble(time);
    }

    /** What the network is told at a time. */
    double told(double time) {
        return told.applyAsDouble(time);
    }

    /**
     * The first time above {@code low} at which so great a share is masked, by halving; at most {@code high}.
     */
    double time(double masked, double low, double high) {
        double least = low;
        double most = high;
        for (int i = 0; i < HALVINGS && share(most) > masked; i++) {
            double middle = (least + most) / 2;
            if (share(middle) < masked) {
                least = middle;
            } else {
                most = middle;
            }
        }
        return most;
    }
}
