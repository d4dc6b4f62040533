package dev.smalti.job;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.tensor.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Tensor;

/**
 * Grids to be drawn from a model, batch by batch.
 *
 * @param labels of all grids; null for an unconditional model
 */
record Drawing(Model model, long[] labels, int count, long seed, Sampling sampling) {
    private static final long PIXELS = 1 << 18; // decoded at once: 64 images of 64 x 64, or 4 of 256 x 256

    /** Takes a batch of grids, int64 [B, h, w], of which the first has the number {@code from}. */
    @FunctionalInterface
    interface Taker {
        void take(int from, Tensor codes);
    }

    /** @param progress told of the grids done, counting those in the making by their steps */
    void run(int batch, LongConsumer progress, Taker taker) {
        for (int begin = 0; begin < count; begin += batch) {
            int from = begin;
            int size = Math.min(batch, count - from);
            Scope.free(() -> taker.take(
                    from,
                    model.codes(
                            labels,
                            from,
                            size,
                            seed,
                            sampling,
                            (done, of, xt) -> progress.accept(from + (long) size * done / of))));
        }
    }

    /** All of them, decoded. */
    List<Pixels> images(int batch, LongConsumer progress) {
        List<Pixels> images = new ArrayList<>();
        run(batch, progress, (from, codes) -> images.addAll(pictures(model, codes)));
        return images;
    }

    /** Decodes int64 [B, h, w] in parts that fit into little memory. */
    static List<Pixels> pictures(Model model, Tensor codes) {
        if (model.tokenizer() == null) {
            return Pictures.fromTensor(model.decode(codes)); // which says why it can't
        }
        long side = model.tokenizer().imageSize();
        int part = (int) Math.max(1, PIXELS / (side * side));
        int count = Math.toIntExact(codes.size(0));
        List<Pixels> pictures = new ArrayList<>();
        for (int begin = 0; begin < count; begin += part) {
            int from = begin;
            int size = Math.min(part, count - from);
            pictures.addAll(Scope.value(() -> Pictures.fromTensor(model.decode(codes.narrow(0, from, size)))));
        }
        return pictures;
    }
}
