package dev.smalti.job;

import dev.smalti.data.GridFile;
import dev.smalti.draw.Looking;
import dev.smalti.draw.Sampling;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Model;
import dev.smalti.model.Opening;
import dev.smalti.model.TokenSink;
import dev.smalti.recipe.RecipeFile;
import dev.smalti.run.Claim;
import dev.smalti.run.Identity;
import dev.smalti.run.ImageArray;
import dev.smalti.run.ImageFolder;
import dev.smalti.run.ImageShards;
import dev.smalti.run.ImageSink;
import dev.smalti.run.JobException;
import dev.smalti.run.Outputs;
import dev.smalti.run.PartFolder;
import dev.smalti.run.PartImages;
import dev.smalti.run.RunFolder;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Part;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongConsumer;
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
        TOKENS,
        /** A folder of tar shards with {@code KEY.png}, {@code KEY.cls} and {@code KEY.json}, as {@link ImageShards} has them. */
        WEBDATASET
    }

    /**
     * Where it goes.
     *
     * @param path a new or empty folder for {@link Format#PNG} and {@link Format#WEBDATASET}, else a file; of parts a folder
     * @param grid a picture of all images; null for none
     * @param resume keeps the images or tokens of a run that is stopped beside {@code path}, and goes on with those of an
     *     earlier one
     * @param shard images of a tar; 0 for {@value #SHARD}
     * @param part which of several parts is drawn, into the folder {@code path} that all share; null for all. Together they are
     *     what one process makes
     */
    public record Output(Path path, Format format, Path grid, boolean resume, int shard, Part part) {
        /** Images of a tar, where no number is given. */
        public static final int SHARD = 10_000;

        public Output {
            if (resume && (format == Format.NPZ || format == Format.WEBDATASET || grid != null)) {
                throw new JobException(
                        "resume needs the format png or tokens, and no grid, which is made of all images at once");
            }
            if (shard < 0 || shard > 0 && (format != Format.WEBDATASET || part != null)) {
                throw new JobException(
                        "shard-size is of the format webdataset without parts, each of which is a shard, and at least 1, got "
                                + shard);
            }
            if (part != null && (resume || format == Format.NPZ || grid != null)) {
                throw new JobException(
                        "part needs the format png, webdataset or tokens, no grid, which is made of all images at"
                                + " once, and no resume: parts that are there are left as they are");
            }
        }

        /** All in one piece, or in shards of the usual size. */
        public Output(Path path, Format format, Path grid, boolean resume) {
            this(path, format, grid, resume, 0, null);
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

        private int shardSize() {
            return shard == 0 ? SHARD : shard;
        }

        /** The end of the name of a part's file; null where it is no file. */
        private String end() {
            return switch (format) {
                case TOKENS -> ".safetensors";
                case WEBDATASET -> ".tar";
                default -> null;
            };
        }

        void check() {
            if (part != null) {
                Outputs.makeFolder("--out", path);
            } else if (format == Format.PNG || format == Format.WEBDATASET) {
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
                if ((format == Format.PNG || format == Format.WEBDATASET)
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
     * @param count how many there are, of a part those of it
     * @param drawn how many were drawn this time; fewer than {@code count} where an earlier run had begun or made the part
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
        Share share = share(open);
        return share.done
                ? result(open, share, space, size, labels, 0, 0, 0)
                : draw(open, share, sampling, space, size, labels, observer);
    }

    /**
     * The images from one number on, up to another one that is left out.
     *
     * @param parts of which they are one; null for all
     * @param done whether an earlier process made them
     */
    private record Share(int from, int to, PartFolder parts, boolean done) {
        /** Refuses what another request has put there meanwhile. */
        void check() {
            if (parts != null) {
                parts.check();
            }
        }
    }

    private Share share(Model open) {
        Part part = output.part();
        if (part == null) {
            return new Share(0, request.count(), null, false);
        }
        if (part.of() > request.count()) {
            throw new JobException(Phrase.of("%d images can't be drawn in %d parts: give fewer parts")
                    .with(request.count(), part.of()));
        }
        Map<String, Object> named = named(open);
        named.put("format", output.format().name());
        PartFolder parts = new PartFolder(output.path(), part, Identity.of(named));
        int from = (int) part.from(request.count(), 1);
        int to = (int) part.to(request.count(), 1);
        return new Share(from, to, parts, parts.done(output.end()));
    }

    private Result draw(
            Model open, Share share, Sampling sampling, TokenSpace space, Size size, long[] labels, Observer observer) {
        long started = System.nanoTime();
        Drawing.Cost cost;
        int first;
        try (Claim claim = output.claimGrid();
                ImageSink sink = sink(open, share, space, size, labels);
                GridFile grid = grid(size)) {
            share.check();
            boolean images = output.format() != Format.TOKENS || output.grid() != null;
            int begin = share.from + sink.present();
            Decoding decoding = !images
                    ? null
                    : new Decoding(open, space, begin, (number, image) -> {
                        if (number < share.from) {
                            return; // of the group that the first is decoded in
                        }
                        sink.image(number, image);
                        if (grid != null) {
                            grid.add(image);
                        }
                    });
            Drawing drawing = new Drawing(open, labels, share.to, request.seed(), sampling);
            first = images ? decoding.next() : begin;
            Phase phase = Phase.of(
                            images ? "drawing and decoding" : "drawing",
                            images ? "images" : "grids",
                            share.to - share.from)
                    .done(Math.max(0, first - share.from));
            LongConsumer counting = observer.counting(phase);
            LongConsumer progress = done -> counting.accept(Math.max(0, done - share.from));
            cost = drawing.run(batch, first, progress, (from, codes) -> {
                sink.codes(from, codes);
                if (images) {
                    decoding.add(codes);
                }
            });
            if (images) {
                decoding.finish();
            }
            observer.see(Phase.of("writing"));
            share.check();
            sink.finish();
            if (grid != null) {
                grid.finish();
            }
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        int drawn = share.to - Math.max(first, share.from);
        return result(open, share, space, size, labels, drawn, cost.passes(), seconds);
    }

    private Result result(
            Model open,
            Share share,
            TokenSpace space,
            Size size,
            long[] labels,
            int drawn,
            double passes,
            double seconds) {
        long[] own = labels == null ? null : Arrays.copyOfRange(labels, share.from, share.to);
        return new Result(
                output.path(),
                output.grid(),
                share.to - share.from,
                space,
                size,
                counts(open, own),
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

    private ImageSink sink(Model open, Share share, TokenSpace space, Size size, long[] labels) {
        int count = request.count();
        Path path = share.parts == null || output.end() == null ? output.path() : share.parts.file(output.end());
        Identity kept = output.resume() ? Identity.of(named(open)) : null;
        return switch (output.format()) {
            case PNG ->
                share.parts == null
                        ? new ImageFolder(path, open.classNames(), count, labels, kept)
                        : new PartImages(path, share.parts, open.classNames(), count, labels);
            case NPZ -> new ImageArray(path, count, size.width(), size.height(), labels);
            case TOKENS -> new TokenSink(path, open, space, share.to - share.from, labels, request.seed(), kept);
            case WEBDATASET -> {
                ImageShards.Facts facts = new ImageShards.Facts(
                        open.classNames(),
                        labels,
                        count,
                        request.seed(),
                        open.folder().fingerprint());
                yield share.parts == null
                        ? ImageShards.folder(path, facts, output.shardSize())
                        : ImageShards.file(path, facts);
            }
        };
    }

    /** All that the images depend on. */
    private Map<String, Object> named(Model open) {
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
        samplingOf(open).ifPresent(each -> named.put("recipe_sampling", each));
        named.put("size", size == null ? null : size.toString());
        named.put("stride", request.stride());
        open.guidingRun(request.sampling()).ifPresent(other -> named.put("against", other.fingerprint()));
        return named;
    }

    /** How the model's recipe has it drawn, which may be changed where the weights stay. */
    private static Optional<Map<?, ?>> samplingOf(Model open) {
        Map<String, Object> recipe = RecipeFile.tree(open.folder().path().resolve("recipe.yaml"));
        return recipe.get("prior") instanceof Map<?, ?> prior && prior.get("sampling") instanceof Map<?, ?> sampling
                ? Optional.of(sampling)
                : Optional.empty();
    }
}
