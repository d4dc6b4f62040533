package dev.smalti.job;

import dev.smalti.data.GridFile;
import dev.smalti.draw.Looking;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.model.TokenSink;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.ImageArray;
import dev.smalti.run.ImageFolder;
import dev.smalti.run.ImageSink;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Draws images, or tokens, into files.
 *
 * <pre>{@code
 * GenerateImages.Request eight = GenerateImages.Request.of(8, List.of("cherry-1"), 42);
 * GenerateImages.Output cherries = GenerateImages.Output.png(Path.of("cherries"));
 * new GenerateImages("fruits-64", "auto", eight, cherries).run(done -> {});
 * }</pre>
 *
 * @param model run folder of {@code train-prior}, or the name of a bundled model
 * @param opening how it is opened
 * @param batch images drawn at once; what is drawn does not depend on it
 */
public record GenerateImages(String model, Opening opening, Request request, Output output, int batch) {
    public GenerateImages {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
    }

    /** With the model as usual. @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N} */
    public GenerateImages(String model, String device, Request request, Output output, int batch) {
        this(model, Opening.on(device), request, output, batch);
    }

    /** In batches of 64. */
    public GenerateImages(String model, String device, Request request, Output output) {
        this(model, device, request, output, 64);
    }

    /**
     * What is to be drawn.
     *
     * @param labels names of classes in turn; empty for all classes evenly
     * @param size of the images; null for that of the canvas of {@code sampling}, or of training where it has none
     * @param stride with a size, that of the windows in tokens; 0 for the usual
     */
    public record Request(int count, List<String> labels, long seed, Sampling sampling, Size size, int stride) {
        public Request {
            labels = List.copyOf(labels);
            if (count < 1) {
                throw new JobException("count must be at least 1, got " + count);
            }
            if (stride != 0 && size == null) {
                throw new JobException(
                        "stride needs a size, as all windows do: there are windows only on a canvas larger than in training");
            }
            if (sampling.looking() != Looking.STRIDED && size == null && sampling.canvas() == null) {
                throw new JobException(
                        "random windows need a size: there are windows only on a canvas larger than in" + " training");
            }
            if (size != null && sampling.canvas() != null) {
                throw new JobException("the size must be given once, as pixels or as a canvas of tokens, got both");
            }
        }

        /** With the usual stride. */
        public Request(int count, List<String> labels, long seed, Sampling sampling, Size size) {
            this(count, labels, seed, sampling, size, 0);
        }

        /** In the method's usual number of steps, from the model as it is. */
        public static Request of(int count, List<String> labels, long seed) {
            return new Request(count, labels, seed, Sampling.USUAL, null);
        }
    }

    /** Height and width in pixels. */
    public record Size(int height, int width) {
        private static final Pattern TEXT = Pattern.compile("(\\d{1,6})[xX×](\\d{1,6})");

        /** Reads {@code HxW}. */
        public static Size parse(String text) {
            Matcher matcher = TEXT.matcher(text.strip());
            if (!matcher.matches()) {
                throw new JobException("size must be HEIGHTxWIDTH in pixels, such as 64x64, got " + text);
            }
            return new Size(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
        }

        @Override
        public String toString() {
            return height + "x" + width;
        }
    }

    public enum Format {
        /** A folder with {@code <class>/<number>.png}, or {@code <number>.png} without classes. */
        PNG,
        /** One file with {@code arr_0} uint8 [N, H, W, 3] and, with classes, {@code arr_1} int64 [N]. */
        NPZ,
        /** One {@link TokenFile}. */
        TOKENS
    }

    /**
     * Where it goes.
     *
     * @param path a new or empty folder for {@link Format#PNG}, else a file
     * @param grid a picture of all images; null for none
     * @param resume keeps the images or tokens of a run that is stopped beside {@code path}, and goes on with those of an
     *     earlier one
     */
    public record Output(Path path, Format format, Path grid, boolean resume) {
        public Output {
            if (resume && (format == Format.NPZ || grid != null)) {
                throw new JobException(
                        "resume needs the format png or tokens, and no grid, which is made of all images at once");
            }
        }

        /** One that is not gone on with. */
        public Output(Path path, Format format, Path grid) {
            this(path, format, grid, false);
        }

        public static Output png(Path folder) {
            return new Output(folder, Format.PNG, null);
        }

        /** Claims the grid; null if there is to be none. */
        Claim claimGrid() {
            return grid == null ? null : Claim.beside(grid);
        }

        void check() {
            if (format == Format.PNG) {
                Outputs.emptyFolder("--out", path);
            } else {
                Outputs.file("--out", path);
            }
            if (grid != null) {
                if (grid.toAbsolutePath()
                        .normalize()
                        .equals(path.toAbsolutePath().normalize())) {
                    throw new JobException("--grid and --out must be two places, got " + grid + " for both");
                }
                if (format == Format.PNG
                        && grid.toAbsolutePath()
                                .normalize()
                                .startsWith(path.toAbsolutePath().normalize())) {
                    throw new JobException("--grid " + grid + " must lie outside of --out " + path
                            + ", where it would count as one of the images: put it beside the folder");
                }
                Outputs.png("--grid", grid);
            }
        }
    }

    /**
     * What was done.
     *
     * @param size null for tokens of a model without tokenizer
     * @param classes how many of each class; empty for an unconditional model
     * @param drawn how many were drawn this time; fewer than {@code count} where an earlier run had begun
     * @param passes forward passes of the network for each of these, as {@link Drawing.Cost} has them
     * @param seconds of drawing, decoding and writing, without opening the model
     */
    public record Result(
            Path out,
            Path grid,
            int count,
            TokenSpace space,
            Size size,
            Map<String, Integer> classes,
            int drawn,
            double passes,
            double seconds) {}

    /**
     * Opens the model and draws.
     *
     * @param observer told of the images done so far, counting those in the making by their steps
     */
    public Result run(Observer observer) {
        output.check();
        try (Model open = Model.open(model, opening)) {
            return run(open, observer);
        }
    }

    /** {@link #run(Observer)} with a model that is open already. */
    public Result run(Model open, Observer observer) {
        output.check();
        Sampling sampling = sampling(open);
        TokenSpace space = open.space(sampling);
        Size size =
                open.tokenizer() == null ? null : new Size(space.height() * open.patch(), space.width() * open.patch());
        if (!request.labels().isEmpty()) {
            open.labels(request.labels(), request.labels().size(), request.seed()); // refuses unknown ones
        }
        long[] labels = open.labels(request.labels(), request.count(), request.seed());
        long started = System.nanoTime();
        Drawing.Cost cost;
        int first;
        try (Claim claim = output.claimGrid();
                ImageSink sink = sink(open, space, size, labels);
                GridFile grid = grid(size)) {
            boolean images = output.format() != Format.TOKENS || output.grid() != null;
            Decoding decoding = !images
                    ? null
                    : new Decoding(open, space, sink.present(), (number, image) -> {
                        sink.image(number, image);
                        if (grid != null) {
                            grid.add(image);
                        }
                    });
            Drawing drawing = new Drawing(open, labels, request.count(), request.seed(), sampling);
            first = images ? decoding.next() : sink.present();
            Phase phase = Phase.of(
                            images ? "drawing and decoding" : "drawing", images ? "images" : "grids", request.count())
                    .done(first);
            cost = drawing.run(batch, first, observer.counting(phase), (from, codes) -> {
                sink.codes(from, codes);
                if (images) {
                    decoding.add(codes);
                }
            });
            if (images) {
                decoding.finish();
            }
            observer.see(Phase.of("writing"));
            sink.finish();
            if (grid != null) {
                grid.finish();
            }
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        return new Result(
                output.path(),
                output.grid(),
                request.count(),
                space,
                size,
                counts(open, labels),
                request.count() - first,
                cost.passes(),
                seconds);
    }

    /** With the canvas for the size that is asked for, if it isn't that of training. */
    private Sampling sampling(Model open) {
        Size size = request.size();
        boolean images = output.format() != Format.TOKENS || output.grid() != null || size != null;
        if (open.tokenizer() == null && images) {
            throw new JobException(model + " has no tokenizer, so it can draw tokens but not images:"
                    + " use --format tokens without --size and --grid, or train the prior with --tokenizer");
        }
        return size == null
                ? request.sampling()
                : open.sized(request.sampling(), size.height(), size.width(), request.stride());
    }

    /** Null if there is to be none. */
    private GridFile grid(Size size) {
        if (output.grid() == null) {
            return null;
        }
        int columns = (int) Math.ceil(Math.sqrt(request.count()));
        return new GridFile(output.grid(), request.count(), columns, 2, size.width(), size.height());
    }

    private static Map<String, Integer> counts(Model open, long[] labels) {
        Map<String, Integer> counts = new LinkedHashMap<>();
        if (labels != null) {
            List<String> names = open.classNames();
            for (long label : labels) {
                counts.merge(names.get((int) label), 1, Integer::sum);
            }
        }
        return counts;
    }

    private ImageSink sink(Model open, TokenSpace space, Size size, long[] labels) {
        int count = request.count();
        return switch (output.format()) {
            case PNG -> {
                Identity kept = output.resume() ? identity(open) : null;
                yield new ImageFolder(output.path(), open.classNames(), count, labels, kept);
            }
            case NPZ -> new ImageArray(output.path(), count, size.width(), size.height(), labels);
            case TOKENS -> {
                Identity kept = output.resume() ? identity(open) : null;
                yield new TokenSink(output.path(), open, space, count, labels, request.seed(), kept);
            }
        };
    }

    /** All that the images depend on. */
    private Identity identity(Model open) {
        Size size = request.size();
        Map<String, Object> named = new LinkedHashMap<>();
        named.put("model", open.folder().fingerprint());
        named.put("tokenizer", open.folder().description().tokenizer());
        RunFolder decoder = open.folder().tokenizerFolder();
        if (decoder != null && decoder.description().tokenizer() != null) {
            named.put("decoder", decoder.weightsFingerprint()); // of which there may be several for the same tokens
        }
        named.put("set", open.overrides());
        named.put("precision", open.precision().name());
        named.put("count", request.count());
        named.put("labels", request.labels());
        named.put("seed", request.seed());
        named.put("sampling", open.bestSteps(request.sampling()).named());
        named.put("size", size == null ? null : size.toString());
        named.put("stride", request.stride());
        open.guidingRun(request.sampling()).ifPresent(other -> named.put("against", other.fingerprint()));
        return Identity.of(named);
    }
}
