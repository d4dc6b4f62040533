package dev.smalti.compare;

import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.StepWatcher;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.evaluate.Fakes;
import dev.smalti.evaluate.ImageFeatures;
import dev.smalti.job.EvaluateImages;
import dev.smalti.job.MeasureLikelihood;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.network.Work;
import dev.smalti.recipe.ComparePlan;
import dev.smalti.run.JobException;
import dev.smalti.run.KeptResults;
import dev.smalti.run.Outputs;
import dev.smalti.tensor.Devices;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/** Makes the measurements of a {@link Compare}, each only if it isn't kept yet. */
final class CompareCells {
    private static final int BATCH = 64;
    private static final int SHOWN = 32;
    private static final int COLUMNS = 8;

    private final ComparePlan plan;
    private final Path out;
    private final Compare.Observer observer;
    private final KeptResults kept;
    private final String real;
    private final String features;
    private int computed;

    /** Ends the work from wherever it is. */
    static final class Stopped extends RuntimeException {
        private static final long serialVersionUID = 1;

        Stopped() {
            super("stopped", null, false, false);
        }
    }

    /** A setting that a prior can't do. */
    private static final class Impossible extends RuntimeException {
        private static final long serialVersionUID = 1;

        Impossible(IllegalArgumentException reason) {
            super(reason.getMessage(), reason);
        }
    }

    /** @throws JobException if images or features aren't there */
    CompareCells(ComparePlan plan, Path out, Compare.Observer observer) {
        this.plan = plan;
        this.out = out;
        this.observer = observer;
        this.kept = new KeptResults(out.resolve("cells"));
        try (ImageSet images = ImageSet.open(plan.real());
                ImageFeatures compared = ImageFeatures.open(plan.features(), Devices.cpu())) {
            this.real = images.fingerprint();
            this.features = compared.name() + " " + compared.sha256();
        }
        if (plan.train() != null) {
            ImageSet.open(plan.train()).close();
        }
    }

    /** How many measurements were made, and not found. */
    int computed() {
        return computed;
    }

    /**
     * Draws in one setting, measured.
     *
     * @param title of the work
     */
    CompareResult.Cell cell(String name, String identity, Model model, Sampling sampling, String title) {
        Sampling exact = model.bestSteps(sampling);
        Map<String, Object> depends = images("cell");
        depends.put("model", identity);
        depends.put("sampling", exact.toString());
        depends.put("seed", plan.seed());
        depends.put("draws", plan.draws());
        Path file = kept.file(name, depends);
        CompareResult.Cell there = kept.find(file, CompareResult.Cell.class).orElse(null);
        if (there != null) {
            return there;
        }
        Path drawn = scratch(".npz");
        try {
            CompareResult.Cell cell = drawn(model, sampling, drawn, title);
            if (cell.skipped() == null) {
                computed++;
                KeptResults.keep(file, cell);
            }
            return cell;
        } finally {
            Outputs.discard(drawn);
        }
    }

    private CompareResult.Cell drawn(Model model, Sampling sampling, Path drawn, String title) {
        int count = plan.draws();
        long[] labels = model.labels(List.of(), count, plan.seed());
        int[] steps = {0};
        double seconds = 0;
        long passes = Work.passes();
        observer.begin(title + ": drawing", "images", count, 0);
        int side = model.prior().space().height() * model.patch();
        int across = model.prior().space().width() * model.patch();
        try (NumpyFile.Writer writer = NumpyFile.writer(drawn, count, across, side)) {
            Decoding decoding = new Decoding(model, model.prior().space(), (number, image) -> writer.add(image));
            for (int from = 0; from < count; from += BATCH) {
                int begin = from;
                int size = Math.min(BATCH, count - from);
                StepWatcher watcher = (done, of, xt) -> {
                    steps[0] = of;
                    told(begin + (long) size * done / of);
                };
                seconds += Scope.value(() -> {
                    long started = System.nanoTime();
                    long[] codes = Tensors.toLongs(codes(model, labels, begin, size, sampling, watcher));
                    double taken = (System.nanoTime() - started) / 1e9;
                    decoding.add(codes);
                    return taken;
                });
            }
            decoding.finish();
            writer.finish();
        } catch (Impossible e) {
            return new CompareResult.Cell(sampling.named(), null, null, null, null, null, e.getMessage());
        }
        double each = (Work.passes() - passes) / (double) count;
        return new CompareResult.Cell(
                sampling.named(),
                steps[0],
                seconds / count,
                each,
                Compare.machine(model.precision(), model.device()),
                measured(drawn, Math.min(side, across), title),
                null);
    }

    /** @throws Impossible with the reason if the prior can't be drawn from so, which it says before its first step */
    private Tensor codes(Model model, long[] labels, int from, int size, Sampling sampling, StepWatcher watcher) {
        try {
            return model.codes(new Model.Batch(labels, from, size, plan.seed(), sampling), watcher);
        } catch (UnsupportedSamplingException e) {
            throw from == 0 ? new Impossible(e) : e;
        }
    }

    /** Held-out tokens, decoded and compared as draws are: what the tokenizer costs, and no prior gains. */
    CompareResult.Reference tokenizer(Model model, Path heldOut, String title) {
        String tokenizer = model.folder().tokenizerFolder().fingerprint();
        try (TokenFile file = TokenFile.read(heldOut)) {
            MeasureLikelihood.check(model, file, heldOut);
            Map<String, Object> depends = images("tokenizer");
            depends.put("tokenizer", tokenizer);
            depends.put("tokens", file.fingerprint());
            depends.put("draws", plan.draws());
            return reference("tokenizer", "the images of " + heldOut + " by tokenizer " + tokenizer, depends, drawn -> {
                int count = (int) Math.min(plan.draws(), file.size());
                int height = file.space().height() * model.patch();
                int width = file.space().width() * model.patch();
                observer.begin(title + ": decoding held-out tokens", "images", count, 0);
                try (NumpyFile.Writer writer = NumpyFile.writer(drawn, count, width, height)) {
                    Decoding decoding = new Decoding(model, file.space(), (number, image) -> writer.add(image));
                    for (long from = 0; from < count; from += BATCH) {
                        long begin = from;
                        long end = Math.min(count, from + BATCH);
                        Scope.free(() -> {
                            Tensor which = Tensors.longs(LongStream.range(begin, end)
                                    .map(i -> i * file.size() / count)
                                    .toArray());
                            decoding.add(file.batchCodes(which));
                        });
                        told(end);
                    }
                    decoding.finish();
                    writer.finish();
                }
                return measured(drawn, Math.min(height, width), title);
            });
        }
    }

    /** Images of the training, as many as are drawn: how far images are from the real ones that are as real. */
    CompareResult.Reference train(int side) {
        try (ImageSet images = ImageSet.open(plan.train())) {
            Map<String, Object> depends = images("train");
            depends.put("train", images.fingerprint());
            depends.put("draws", plan.draws());
            depends.put("side", side);
            return reference("train", "images of " + plan.train(), depends, folder -> {
                int count = Math.min(plan.draws(), images.size());
                observer.begin("training images", "images", count, 0);
                Outputs.makeFolder("--out", folder);
                for (int i = 0; i < count; i++) {
                    Pixels image = images.read((int) ((long) i * images.size() / count));
                    Pictures.writePng(folder.resolve("%06d.png".formatted(i)), image);
                    told(i + 1L);
                }
                return measured(folder, side, "training images");
            });
        }
    }

    private interface Measurement {
        CompareResult.Measures of(Path scratch);
    }

    private CompareResult.Reference reference(
            String name, String what, Map<String, Object> depends, Measurement measurement) {
        Path file = kept.file(name, depends);
        CompareResult.Measures there =
                kept.find(file, CompareResult.Measures.class).orElse(null);
        if (there == null) {
            Path scratch = scratch(name.equals("train") ? "" : ".npz");
            try {
                there = measurement.of(scratch);
            } finally {
                Outputs.discard(scratch);
            }
            computed++;
            KeptResults.keep(file, there);
        }
        return new CompareResult.Reference(name, what, there);
    }

    /** Bits per held-out token. */
    CompareResult.Bits bits(String name, String identity, Model model, Path heldOut, String title) {
        Map<String, Object> depends = new LinkedHashMap<>();
        try (TokenFile file = TokenFile.read(heldOut)) {
            depends.put("tokens", file.fingerprint());
        }
        depends.put("what", "bits");
        depends.put("model", identity);
        depends.put("repeats", plan.repeats());
        depends.put("seed", plan.seed());
        if (plan.grids() > 0) {
            depends.put("grids", plan.grids());
        }
        Path file = kept.file(name + "-bits", depends);
        CompareResult.Bits there = kept.find(file, CompareResult.Bits.class).orElse(null);
        if (there != null) {
            return there;
        }
        MeasureLikelihood.Result result = new MeasureLikelihood(
                        heldOut, null, plan.repeats(), plan.seed(), false, plan.grids())
                .run(model, total -> observer.begin(title + ": bits per token", "grids", total, 0), this::told);
        MeasureLikelihood.Estimate bits = result.bitsPerToken();
        CompareResult.Bits measured = new CompareResult.Bits(
                bits.mean(), Double.isNaN(bits.interval()) ? null : bits.interval(), result.exact(), result.grids());
        computed++;
        KeptResults.keep(file, measured);
        return measured;
    }

    /** A picture of draws as trained; its path relative to the folder. */
    String grid(String name, String identity, Model model, String title) {
        Map<String, Object> depends = Map.of("model", identity, "seed", plan.seed(), "shown", SHOWN);
        Path file = out.resolve("grids").resolve(name + "-" + KeptResults.key(depends) + ".png");
        if (!Files.exists(file)) {
            observer.begin(title + ": grid", "images", SHOWN, 0);
            long[] labels = model.labels(List.of(), SHOWN, plan.seed());
            List<Pixels> images =
                    new Drawing(model, labels, SHOWN, plan.seed(), Sampling.USUAL).images(BATCH, this::told);
            Pictures.writePng(file, Pictures.grid(images, COLUMNS, 2));
        }
        return "grids/" + file.getFileName();
    }

    private CompareResult.Measures measured(Path images, int side, String title) {
        int size = plan.size() > 0 ? plan.size() : Math.max(8, Integer.highestOneBit(side));
        int resamples = plan.resamples() == null ? -1 : plan.resamples();
        EvaluateImages.Settings settings = new EvaluateImages.Settings(size, resamples, plan.seed(), false, "auto");
        EvaluateImages job = new EvaluateImages(
                new EvaluateImages.Real(plan.real(), null),
                new Fakes.Stored(images),
                List.of(),
                plan.features(),
                null,
                new EvaluateImages.Output(out.resolve("cache"), null, null),
                settings);
        LongConsumer total = count -> observer.begin(title + ": comparing", "images", count, 0);
        return CompareResult.Measures.of(job.run(total, this::told));
    }

    /** What every comparison of images depends on. */
    private Map<String, Object> images(String what) {
        Map<String, Object> depends = new LinkedHashMap<>();
        depends.put("what", what);
        depends.put("real", real);
        depends.put("features", features);
        depends.put("size", plan.size());
        if (plan.resamples() != null) {
            depends.put("resamples", plan.resamples());
        }
        return depends;
    }

    /** A place for images that are compared and then deleted; other processes have others. */
    private Path scratch(String end) {
        return out.resolve("cells").resolve("drawn-" + UUID.randomUUID() + ".partial" + end);
    }

    private void told(long done) {
        if (observer.stop()) {
            throw new Stopped();
        }
        observer.done(done, "");
    }
}
