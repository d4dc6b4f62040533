package dev.smalti.evaluate;

import dev.smalti.data.Crop;
import dev.smalti.data.Preparation;
import dev.smalti.evaluate.EvaluationResult.Compared;
import dev.smalti.evaluate.EvaluationResult.Draw;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.run.RunFolder;
import dev.smalti.token.TokenSpace;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import org.bytedeco.pytorch.Device;

/** Images that a model draws, the same as {@code generate} writes for the same seed, and never written. */
final class DrawnImages implements ImageSource {
    private static final int TOGETHER = 64; // grids

    private final Fakes.Drawn request;
    private final int count;
    private final long seed;
    private final Device place;
    private final String weights; // their fingerprint
    private Draw draw;

    /** @param count of images */
    DrawnImages(Fakes.Drawn request, int count, long seed, Device place) {
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
    public String name() {
        return "drawing images";
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
        Batching batching = new Batching(preparation, place, taker);
        Decoding decoding = new Decoding(model, drawing.space(), (number, image) -> batching.add(image));
        long started = System.nanoTime();
        Drawing.Cost cost = drawing.run(TOGETHER, progress, (from, codes) -> decoding.add(codes));
        decoding.finish();
        batching.finish();
        double seconds = (System.nanoTime() - started - batching.nanoseconds()) / 1e9;
        draw = new Draw(
                request.name(),
                weights,
                decoder(model.folder()),
                model.step(),
                model.precision(),
                model.overrides(),
                request.labels(),
                seed,
                model.bestSteps(request.sampling()),
                cost,
                seconds);
        return compared(count, batching.resized());
    }

    /** By its weights, since several may decode the same tokens; where it isn't there, that of the tokens. */
    private static String decoder(RunFolder model) {
        RunFolder tokenizer = model.tokenizerFolder();
        return tokenizer == null ? model.description().tokenizer() : tokenizer.weightsFingerprint();
    }

    /** The model stays open. */
    @Override
    public void close() {}
}
