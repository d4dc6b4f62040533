package dev.smalti.model;

import dev.smalti.data.Pixels;
import dev.smalti.draw.Known;
import dev.smalti.draw.Sampling;
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
public record Drawing(Model model, long[] labels, int count, long seed, Sampling sampling, Known known) {
    /** Of which no tokens are known. */
    public Drawing(Model model, long[] labels, int count, long seed, Sampling sampling) {
        this(model, labels, count, seed, sampling, null);
    }

    /** Takes a batch of grids, int64 [B, h, w] or [B, T, h, w], of which the first has the number {@code from}. */
    @FunctionalInterface
    public interface Taker {
        void take(int from, Tensor codes);
    }

    /** Of the grids. */
    public TokenSpace space() {
        return model.space(sampling);
    }

    /**
     * @param batch grids of the size of training at once; of a larger canvas so many fewer that memory stays the same
     * @param progress told of the grids done, counting those in the making by their steps
     */
    public void run(int batch, LongConsumer progress, Taker taker) {
        run(batch, 0, progress, taker);
    }

    /** The same from the grid with the number {@code first} on. */
    public void run(int batch, int first, LongConsumer progress, Taker taker) {
        int together = together(model, space(), batch);
        for (int begin = first; begin < count; begin += together) {
            int from = begin;
            int size = Math.min(together, count - from);
            Scope.free(() -> taker.take(
                    from,
                    model.codes(
                            new Model.Batch(labels, from, size, seed, sampling, known),
                            (done, of, xt) -> progress.accept(from + (long) size * done / of))));
        }
    }

    /** How many grids of a space are drawn at once, where {@code batch} are of the size of training. */
    public static int together(Model model, TokenSpace space, int batch) {
        return (int) Math.max(1, batch * model.prior().space().length() / space.length());
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
