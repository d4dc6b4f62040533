package dev.smalti.evaluate;

import dev.smalti.data.Crop;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.evaluate.EvaluationResult.Draw;
import dev.smalti.job.GenerateImages;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.network.Work;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** Images that a model draws, the same as {@link GenerateImages} writes for the same seed, and never written. */
public final class DrawnImages implements ImageSource {
    private static final int TOGETHER = 64; // grids

    private final Fakes.Drawn request;
    private final int count;
    private final long seed;
    private final Device place;
    private final String weights; // their fingerprint
    private Draw draw;

    /** @param count of images */
    public DrawnImages(Fakes.Drawn request, int count, long seed, Device place) {
        this.request = request;
        this.count = count;
        this.seed = seed;
        this.place = place;
        this.weights = request.model().folder().fingerprint();
    }

    /** How they were drawn; null before. */
    Draw draw() {
        return draw;
    }

    /** What there is before anything is drawn. */
    Compared nothing() {
        return compared(0, 0);
    }

    private Compared compared(long images, long resized) {
        return new Compared(request.name(), images, 0, resized, images == 0 ? 0 : 1, weights);
    }

    @Override
    public int size() {
        return count;
    }

    /** Null for an unconditional model. */
    private long[] labels() {
        return request.model().labels(request.labels(), count, seed);
    }

    @Override
    public long[] classes(List<String> names) {
        long[] labels = labels();
        if (labels == null) {
            return null;
        }
        int[] numbers =
                request.model().classNames().stream().mapToInt(names::indexOf).toArray();
        long[] classes =
                Arrays.stream(labels).map(label -> numbers[(int) label]).toArray();
        return Arrays.stream(classes).anyMatch(number -> number < 0) ? null : classes;
    }

    /** The size of a drawn image, or the largest power of two below it. */
    @Override
    public Preparation preparation(int size) {
        TokenSpace space = request.model().space(request.sampling());
        int patch = request.model().patch();
        int own = StoredImages.side(space.width() * patch, space.height() * patch);
        return new Preparation(size == 0 ? own : size, Crop.CENTER, false);
    }

    @Override
    public Compared each(Preparation preparation, LongConsumer progress, Taker taker) {
        Model model = request.model();
        long[] labels = labels();
        Drawing drawing = new Drawing(model, labels, count, seed, request.sampling());
        Batches batches = new Batches(preparation, taker);
        Decoding decoding = new Decoding(model, drawing.space(), (number, image) -> batches.add(image));
        long started = System.nanoTime();
        long before = Work.passes();
        drawing.run(TOGETHER, progress, (from, codes) -> decoding.add(codes));
        decoding.finish();
        batches.finish();
        double seconds = (System.nanoTime() - started - batches.elsewhere) / 1e9;
        double passes = (Work.passes() - before - batches.passes) / (double) count;
        draw = new Draw(
                request.name(),
                weights,
                model.folder().description().tokenizer(),
                model.overrides(),
                request.labels(),
                seed,
                model.bestSteps(request.sampling()),
                passes,
                seconds);
        return compared(count, batches.resized);
    }

    /** Makes batches of images that come one by one, and knows what is done with them meanwhile. */
    private final class Batches {
        private final Preparation preparation;
        private final Taker taker;
        private final List<Pixels> waiting = new ArrayList<>();
        private int done;
        private long resized;
        private long elsewhere; // nanoseconds
        private long passes;

        Batches(Preparation preparation, Taker taker) {
            this.preparation = preparation;
            this.taker = taker;
        }

        void add(Pixels image) {
            int side = preparation.size();
            if (image.width() == side && image.height() == side) {
                waiting.add(image);
            } else {
                resized++;
                waiting.add(new Pixels(side, side, preparation.apply(image, new SplittableRandom(0))));
            }
            if (waiting.size() == BATCH) {
                finish();
            }
        }

        void finish() {
            if (waiting.isEmpty()) {
                return;
            }
            long started = System.nanoTime();
            long before = Work.passes();
            Scope.free(() -> {
                List<Tensor> each = waiting.stream().map(Pictures::toTensor).toList();
                Tensor images = Reconstruction.levels(Tensors.cat(each).to(place, ScalarType.Float));
                taker.take(images, IntStream.range(done, done + each.size()).toArray());
            });
            done += waiting.size();
            waiting.clear();
            passes += Work.passes() - before;
            elsewhere += System.nanoTime() - started;
        }
    }

    /** The model stays open. */
    @Override
    public void close() {}
}
