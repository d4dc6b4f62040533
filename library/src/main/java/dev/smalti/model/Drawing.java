package dev.smalti.model;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.network.Work;
import dev.smalti.tensor.Scope;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;

/**
 * Grids to be drawn from a model, batch by batch.
 *
 * @param labels of all grids; null for an unconditional model
 * @param known tokens that stay as they are; null for none
 */
public record Drawing(Painter model, long[] labels, int count, long seed, Sampling sampling, Known known) {
    /** Takes a batch of grids on the CPU, int64 [B, h, w] or [B, T, h, w], of which the first has the number {@code from}. */
    @FunctionalInterface
    public interface Taker {
        void take(int from, Tensor codes);
    }

    /**
     * What a drawing took.
     *
     * @param steps of each draw; 0 where nothing was left to draw
     * @param passes forward passes of the network for each grid, the mean; through windows one for each. What else draws in the
     *     process at the same time is counted too
     * @param seconds of drawing alone, without what was done with the grids
     */
    public record Cost(int steps, double passes, double seconds) {}

    /** Of which nothing is known. */
    public Drawing(Painter model, long[] labels, int count, long seed, Sampling sampling) {
        this(model, labels, count, seed, sampling, null);
    }

    /** Of the grids. */
    public TokenSpace space() {
        return model.space(sampling);
    }

    /**
     * @param batch grids of the size of training at once; of a larger canvas so many fewer that memory stays the same
     * @param progress told of the grids done, counting those in the making by their steps
     */
    public Cost run(int batch, LongConsumer progress, Taker taker) {
        return run(batch, 0, progress, taker);
    }

    /** The same from the grid with the number {@code first} on. */
    public Cost run(int batch, int first, LongConsumer progress, Taker taker) {
        int together = together(batch);
        int[] steps = {0};
        long passes = 0;
        long nanoseconds = 0;
        for (int begin = first; begin < count; begin += together) {
            int from = begin;
            int size = Math.min(together, count - from);
            long[] taken = {0, 0};
            Scope.free(() -> {
                long started = System.nanoTime();
                long before = Work.passes();
                GridBatch drawn = new GridBatch(labels, from, size, seed, sampling, known);
                StepWatcher counter = StepWatcher.counting((done, of) -> {
                    steps[0] = of;
                    progress.accept(from + (long) size * done / of);
                });
                Tensor codes = model.codes(drawn, counter).cpu(); // not done before it is there
                taken[0] = Work.passes() - before;
                taken[1] = System.nanoTime() - started;
                taker.take(from, codes);
            });
            passes += taken[0];
            nanoseconds += taken[1];
        }
        return new Cost(steps[0], count == first ? 0 : passes / (double) (count - first), nanoseconds / 1e9);
    }

    private int together(int batch) {
        return (int) Math.max(1, batch * model.space(Sampling.USUAL).length() / space().length());
    }

    /** All of them, decoded. */
    public List<Pixels> images(int batch, LongConsumer progress) {
        List<Pixels> images = new ArrayList<>();
        Decoding decoding = new Decoding(model, space(), (number, image) -> images.add(image));
        run(batch, progress, (from, codes) -> decoding.add(codes));
        decoding.finish();
        return images;
    }
}
