package dev.smalti.network;

import dev.smalti.tensor.Stopping;
import java.util.concurrent.atomic.LongAdder;

/**
 * How much this process has computed in layers, forwards: operations on floating-point numbers in products, convolutions and
 * attention, a multiplication and an addition being two. The work of a call is the difference of two readings.
 */
public final class Work {
    private static final LongAdder DONE = new LongAdder();
    private static final LongAdder PASSES = new LongAdder();

    private Work() {}

    /** Operations so far. */
    public static long done() {
        return DONE.sum();
    }

    /** Counts what a layer computes, and asks whether to go on; layers call it. */
    public static void add(long operations) {
        Stopping.check();
        DONE.add(operations);
    }

    /** Forward passes so far, of a grid each: a batch of B grids counts B, and guidance doubles it. */
    public static long passes() {
        return PASSES.sum();
    }

    /** Counts the forward passes of a batch; networks over tokens call it. */
    static void pass(long grids) {
        PASSES.add(grids);
    }
}
