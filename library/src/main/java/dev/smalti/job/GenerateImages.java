package dev.smalti.job;

import dev.smalti.data.GridFile;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.network.Work;
import dev.smalti.run.ImageFolder;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.Codebook;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * RandomStreams images, or tokens, into files.
 *
 * <pre>{@code
 * GenerateImages.Request eight = GenerateImages.Request.of(8, List.of("cherry-1"), 42);
 * GenerateImages.Output cherries = GenerateImages.Output.png(Path.of("cherries"));
 * new GenerateImages("fruits-64", "auto", eight, cherries).run(done -> {});
 * }</pre>
 *
 * @param model run folder of {@code train-prior}, or the name of a bundled model
 * @param device {@code auto}, {@code cpu}, {@code cuda}, {@code cuda:N}
 * @param batch images drawn at once; what is drawn does not depend on it
 */
public record GenerateImages(String model, String device, Request request, Output output, int batch) {
    public GenerateImages {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
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
                        "stride needs a size: there are windows only on a canvas larger than in training");
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
     * @param resume keeps the images of a run that is stopped beside {@code path}, and goes on with those of an earlier one
     */
    public record Output(Path path, Format format, Path grid, boolean resume) {
        public Output {
            if (resume && (format != Format.PNG || grid != null)) {
                throw new JobException("resume needs the format png and no grid, which is made of all images at once");
            }
        }

        /** One that is not gone on with. */
        public Output(Path path, Format format, Path grid) {
            this(path, format, grid, false);
        }

        public static Output png(Path folder) {
            return new Output(folder, Format.PNG, null);
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
                if (!grid.toAbsolutePath().startsWith(path.toAbsolutePath())) {
                    Outputs.file("--grid", grid);
                }
            }
        }
    }

    /**
     * What was done.
     *
     * @param size null for tokens of a model without tokenizer
     * @param classes how many of each class; empty for an unconditional model
     * @param drawn how many were drawn this time; fewer than {@code count} where an earlier run had begun
     * @param passes forward passes of the network for each of these, the mean; through windows one for each. What else draws in the
     *     process at the same time is counted too
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
     * @param progress told of the images done so far; they are {@code count} at the end
     */
    public Result run(LongConsumer progress) {
        output.check();
        try (Model open = Model.open(model, device)) {
            return run(open, progress);
        }
    }

    /** {@link #run(LongConsumer)} with a model that is open already. */
    public Result run(Model open, LongConsumer progress) {
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
        long before = Work.passes();
        int[] first = {0};
        try (Sink sink = sink(open, space, size, labels);
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
            first[0] = images ? decoding.next() : 0;
            drawing.run(batch, first[0], progress, (from, codes) -> {
                sink.codes(from, codes);
                if (images) {
                    decoding.add(codes);
                }
            });
            if (images) {
                decoding.finish();
            }
            sink.finish();
            if (grid != null) {
                grid.finish();
            }
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        int drawn = request.count() - first[0];
        double passes = drawn == 0 ? 0 : (Work.passes() - before) / (double) drawn;
        return new Result(
                output.path(),
                output.grid(),
                request.count(),
                space,
                size,
                counts(open, labels),
                drawn,
                passes,
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
        if (size == null) {
            return request.sampling();
        }
        Sampling sized = request.sampling().canvas(open.canvas(size.height(), size.width(), request.stride()));
        boolean asTrained = open.space(sized).equals(open.prior().space());
        return asTrained ? request.sampling() : sized; // every method can draw that
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

    /** Takes what is drawn, and shows it under its name only when all is there. */
    private interface Sink extends AutoCloseable {
        default void codes(int from, Tensor codes) {}

        default void image(int number, Pixels image) {}

        /** How many images are there already, from the first on. */
        default int present() {
            return 0;
        }

        void finish();

        @Override
        void close();
    }

    private Sink sink(Model open, TokenSpace space, Size size, long[] labels) {
        return switch (output.format()) {
            case PNG -> new Folder(open, labels);
            case NPZ -> new Arrays(size, labels);
            case TOKENS -> new Tokens(open, space, labels);
        };
    }

    private final class Folder implements Sink {
        private final ImageFolder folder;
        private final long[] labels;

        Folder(Model open, long[] labels) {
            String all = output.resume()
                    ? "%s %s %s %s %s"
                            .formatted(
                                    open.folder().fingerprint(),
                                    open.folder().description().tokenizer(),
                                    open.overrides(),
                                    request,
                                    open.bestSteps(request.sampling()))
                    : null;
            this.folder = new ImageFolder(output.path(), open.classNames(), request.count(), all);
            this.labels = labels;
        }

        @Override
        public int present() {
            return output.resume() ? folder.present(labels, request.count()) : 0;
        }

        @Override
        public void image(int number, Pixels image) {
            folder.add(number, labels == null ? 0 : labels[number], image);
        }

        @Override
        public void finish() {
            folder.finish();
        }

        @Override
        public void close() {
            folder.close();
        }
    }

    private final class Arrays implements Sink {
        private final NumpyFile.Writer writer;
        private final long[] labels;

        Arrays(Size size, long[] labels) {
            this.writer = NumpyFile.writer(output.path(), request.count(), size.width(), size.height());
            this.labels = labels;
        }

        @Override
        public void image(int number, Pixels image) {
            if (labels == null) {
                writer.add(image);
            } else {
                writer.add(image, labels[number]);
            }
        }

        @Override
        public void finish() {
            writer.finish();
        }

        @Override
        public void close() {
            writer.close();
        }
    }

    private final class Tokens implements Sink {
        private final Model open;
        private final TokenSpace space;
        private final long[] labels;
        private final int length;
        private final int[] all;

        Tokens(Model open, TokenSpace space, long[] labels) {
            this.open = open;
            this.space = space;
            this.labels = labels;
            this.length = Math.toIntExact(space.size());
            this.all = new int[Math.multiplyExact(request.count(), length)];
        }

        @Override
        public void codes(int from, Tensor codes) {
            long[] values = Tensors.toLongs(codes);
            for (int i = 0; i < values.length; i++) {
                all[from * length + i] = (int) values[i];
            }
        }

        @Override
        public void finish() {
            RunFolder.Description description = open.folder().description();
            RunFolder tokenizer = open.folder().tokenizerFolder();
            Scope.free(() -> {
                Tensor codes = space.grids(torch.tensor(all));
                TokenFile.Builder builder = TokenFile.of(codes, space.codes());
                if (space.depth() > 1) {
                    builder.noiseSeeds(Tensors.longs(LongStream.range(0, request.count())
                            .map(i -> RandomStreams.noiseSeed(Model.grid(request.seed(), i)))
                            .toArray()));
                }
                if (labels != null) {
                    builder.labels(Tensors.longs(labels))
                            .classes(open.prior().classes())
                            .classNames(description.classNames());
                }
                if (description.tokenizer() != null) {
                    builder.tokenizer(description.tokenizer());
                }
                if (tokenizer != null) {
                    builder.codebook(new Codebook(
                                    open.tokenizer().codebook().detach().cpu()))
                            .tokenizerRun(tokenizer
                                    .path()
                                    .toAbsolutePath()
                                    .normalize()
                                    .toString());
                    open.tokenizer().accumulation().ifPresent(builder::accumulation);
                }
                try (TokenFile file = builder.build()) {
                    file.write(output.path());
                }
            });
        }

        @Override
        public void close() {}
    }
}
