package dev.smalti.job;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.UnsupportedSamplingException;
import dev.smalti.model.Drawing;
import dev.smalti.model.GridBatch;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.model.Preview;
import dev.smalti.run.Claim;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Seed;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.slf4j.LoggerFactory;

/**
 * Shows what a model can do, in a folder: {@code samples.png}, a grid of samples that nobody picked; {@code classes.png}, a
 * row for each of eight classes, if the model has classes; {@code reveal.gif}, how one image comes to be; {@code edit.png}, one
 * whose right half is drawn anew; {@code strip.png}, one that is continued to the right; {@code wide.png}, canvases four
 * times as wide as in training; and {@code index.html}, a page that shows them with the settings and the time they took. The files of
 * several models lie in a folder for each, and all are shown on one page.
 *
 * @param models run folders of {@code train-prior}, or names of bundled models; at least one
 * @param out files of an earlier demo in it are replaced
 * @param opening how the models are opened
 */
public record Demo(List<String> models, Path out, long seed, Sampling sampling, Opening opening) {
    /** The bundled models of the demo. */
    public static final List<String> BUNDLED = List.of("fruits-64", "emoji-64", "cifar-32");

    private static final int SAMPLES = 64;
    private static final int ROWS = 8;
    private static final int COLUMNS = 8;
    private static final int BATCH = 64;
    private static final int EDITS = 6;
    private static final int WIDE = 6;
    private static final int FRAMES = 64; // at most
    private static final int SIDE = 256; // the animation is enlarged to about this

    /**
     * What was done.
     *
     * @param files by what they show, with the name of the model before it where there are several ({@code fruits-64/samples}); {@code
     *     page} is the one to open
     * @param seconds by what took them, likewise
     */
    public record Result(Path out, Map<String, Path> files, Map<String, Double> seconds) {}

    public Demo {
        models = List.copyOf(models);
        if (models.isEmpty() || Set.copyOf(models).size() < models.size()) {
            throw new JobException("a demo is of one model or more, each once, got " + models);
        }
    }

    /** @param observer told of the images of each part done so far */
    public Result run(Observer observer) {
        if (Files.exists(out) && !Files.isDirectory(out)) {
            throw new JobException("--out " + out + " is a file, and a folder is to be written: choose another --out");
        }
        Map<String, Path> files = new LinkedHashMap<>();
        Map<String, Double> seconds = new LinkedHashMap<>();
        List<String> sections = new ArrayList<>();
        boolean several = models.size() > 1;
        Map<String, String> named = names();
        try (Claim claim = Claim.inside(out)) {
            for (String model : models) {
                String name = named.get(model);
                Path folder = several ? out.resolve(name) : out;
                Outputs.makeFolder("--out", folder);
                Part part = new Part(model, folder);
                sections.add(part.show(several ? phase -> observer.see(phase.in(name)) : observer));
                String prefix = several ? name + "/" : "";
                part.files.forEach((what, file) -> files.put(prefix + what, file));
                part.watch.laps.forEach((what, time) -> seconds.put(several ? name + ", " + what : what, time));
            }
            files.put("page", out.resolve("index.html"));
            write(files.get("page"), DemoPage.html(String.join(", ", models), sections));
        }
        return new Result(out, files, seconds);
    }

    /** The name of each model's folder. @throws JobException if one isn't there, or two would be in one folder */
    private Map<String, String> names() {
        Map<String, String> names = new LinkedHashMap<>();
        for (String each : models) {
            Path folder = RunFolder.open(each).path().toAbsolutePath().normalize();
            String name = folder.getFileName() == null
                    ? "model"
                    : folder.getFileName().toString();
            if (names.containsValue(name)) {
                throw new JobException("two models of a demo are named " + name
                        + ", which is the name of a folder of --out: show them one at a time, or rename one");
            }
            names.put(each, name);
        }
        return names;
    }

    /** What is shown of a model. */
    private final class Part {
        private final String model;
        private final Path folder;
        private final Stopwatch watch = new Stopwatch();
        private final Map<String, Path> files = new LinkedHashMap<>();

        Part(String model, Path folder) {
            this.model = model;
            this.folder = folder;
        }

        /** -> its section of the page */
        String show(Observer observer) {
            try (Model open = Model.open(model, opening)) {
                if (open.tokenizer() == null) {
                    throw new JobException(model + " has no tokenizer, so it draws tokens and no images to show");
                }
                watch.lap("opening the model");
                List<Integer> shown = classes(open);
                int rows = shown.size() * COLUMNS;
                boolean single = open.prior().space().depth() == 1;
                Seed root = new Seed(seed);

                List<Pixels> samples = drawing(open, labels(open, SAMPLES), SAMPLES, "samples")
                        .images(BATCH, observer.counting(Phase.of("samples", "images", SAMPLES)));
                watch.lap(SAMPLES + " samples");
                List<Pixels> byClass = List.of();
                if (rows > 0) {
                    long[] each = IntStream.range(0, rows)
                            .mapToLong(i -> shown.get(i / COLUMNS))
                            .toArray();
                    byClass = drawing(open, each, rows, "classes")
                            .images(BATCH, observer.counting(Phase.of("images of each class", "images", rows)));
                    watch.lap(rows + " images of " + shown.size() + " classes");
                }
                long[] first = shown.isEmpty()
                        ? null
                        : new long[] {shown.get(root.child("shown").random().nextInt(shown.size()))};
                write(samples, byClass);
                if (single) {
                    observer.see(Phase.of("reveal"));
                    Path reveal = folder.resolve("reveal.gif");
                    Pictures.writeGif(reveal, reveal(open, drawing(open, first, 1, "reveal")), 80, 2500);
                    files.put("reveal", reveal);
                    watch.lap("the reveal");
                    larger(open, samples.get(0), labels(open, SAMPLES), observer);
                }
                List<String> names = shown.stream().map(open.classNames()::get).toList();
                return DemoPage.section(model, open, seed, sampling, names, files, watch.laps);
            }
        }

        /** An edit, a strip and wide canvases, where the method draws such. */
        private void larger(Model open, Pixels first, long[] labels, Observer observer) {
            String label = labels == null ? null : open.classNames().get((int) labels[0]);
            int side = first.width();
            int stride = Math.max(1, 3 * open.prior().space().width() / 4);
            Path scratch = folder.resolve("edited.partial");
            Path image = scratch.resolve("image.png");
            try {
                for (String part : List.of("edit", "strip", "wide")) { // of an earlier demo
                    Files.deleteIfExists(folder.resolve(part + ".png"));
                }
                AtomicFile.discard(scratch);
                Outputs.makeFolder("--out", scratch);
                Pictures.writePng(image, first);
                EditImage.Source half =
                        EditImage.Source.of(image, Phrase.of("%d,0,%d,%d").with(side / 2, side / 2, side));
                edit(open, half, label, 0, "edit", scratch, observer);
                files.put("edit", folder.resolve("edit.png"));
                watch.lap(EDITS + " edits");
                Extension right = new Extension(0, 3 * side, 0, 0);
                edit(open, EditImage.Source.of(image, right), label, stride, "strip", scratch, observer);
                files.put("strip", folder.resolve("strip.png"));
                watch.lap(EDITS + " strips");
                List<Pixels> wide = new Drawing(
                                open,
                                open.labels(List.of(), WIDE, seed),
                                WIDE,
                                new Seed(seed).child("wide").value(),
                                sampling.canvas(open.canvas(side, 4 * side, stride)))
                        .images(BATCH, observer.counting(Phase.of("wide canvases", "images", WIDE)));
                Pictures.writePng(folder.resolve("wide.png"), Pictures.grid(wide, 2, 2));
                files.put("wide", folder.resolve("wide.png"));
                watch.lap(WIDE + " wide canvases");
            } catch (UnsupportedSamplingException e) {
                // the method refuses what it can't draw, such as tokens before others; what it can is shown
                LoggerFactory.getLogger(Demo.class).info("{} is not shown more of: {}", model, e.getMessage());
            } catch (IOException e) {
                throw Outputs.failure(folder, e);
            } finally {
                AtomicFile.discard(scratch);
            }
        }

        private void edit(
                Model open,
                EditImage.Source source,
                String label,
                int stride,
                String part,
                Path scratch,
                Observer observer) {
            long own = new Seed(seed).child(part).value();
            EditImage.Request request = new EditImage.Request(EDITS, label, own, sampling, stride);
            GenerateImages.Output output = new GenerateImages.Output(
                    scratch.resolve(part), GenerateImages.Format.PNG, folder.resolve(part + ".png"));
            new EditImage(source, request, output).run(open, phase -> observer.see(phase.in(part)));
        }

        private void write(List<Pixels> samples, List<Pixels> byClass) {
            files.put("samples", folder.resolve("samples.png"));
            Pictures.writePng(files.get("samples"), Pictures.grid(samples, 8, 2));
            if (!byClass.isEmpty()) {
                files.put("classes", folder.resolve("classes.png"));
                Pictures.writePng(files.get("classes"), Pictures.grid(byClass, COLUMNS, 2));
            }
        }
    }

    private static long[] labels(Model open, int count) {
        return open.labels(List.of(), count, 0);
    }

    private Drawing drawing(Model open, long[] labels, int count, String part) {
        return new Drawing(open, labels, count, new Seed(seed).child(part).value(), sampling);
    }

    /** Up to eight classes, evenly from all. */
    private static List<Integer> classes(Model open) {
        int all = open.classNames().size();
        int rows = Math.min(ROWS, all);
        return IntStream.range(0, rows).mapToObj(i -> i * all / rows).toList();
    }

    /** Pictures of a grid as it is revealed. */
    private List<Pixels> reveal(Model open, Drawing drawing) {
        TokenSpace space = drawing.space();
        List<long[]> grids = new ArrayList<>();
        long[] nothing = new long[Math.toIntExact(space.length())];
        Arrays.fill(nothing, space.mask());
        grids.add(nothing);
        Scope.free(() -> open.codes(new GridBatch(drawing.labels(), 0, 1, drawing.seed(), sampling), (done, of, xt) -> {
            int every = (of + FRAMES - 1) / FRAMES;
            if (done % every == 0 || done == of) {
                grids.add(Tensors.toLongs(xt));
            }
        }));
        List<Pixels> frames = new ArrayList<>();
        for (Pixels picture : new Preview(open, space).of(grids)) {
            frames.add(enlarge(picture));
        }
        return frames;
    }

    private static Pixels enlarge(Pixels image) {
        int times = Math.max(1, SIDE / image.width());
        int width = image.width() * times;
        int height = image.height() * times;
        byte[] rgb = new byte[3 * width * height];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                System.arraycopy(image.rgb(), 3 * (y / times * image.width() + x / times), rgb, 3 * (y * width + x), 3);
            }
        }
        return new Pixels(width, height, rgb);
    }

    private static void write(Path file, String text) {
        try (AtomicFile beside = AtomicFile.of(file)) {
            Files.writeString(beside.path(), text);
            beside.commit();
        } catch (IOException e) {
            throw Outputs.failure(file, e);
        }
    }

    private static final class Stopwatch {
        private final Map<String, Double> laps = new LinkedHashMap<>();
        private long last = System.nanoTime();

        void lap(String name) {
            long now = System.nanoTime();
            laps.put(name, (now - last) / 1e9);
            last = now;
        }
    }
}
