package dev.smalti.job;

import dev.smalti.data.DataException;
import dev.smalti.data.GridFile;
import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages.Format;
import dev.smalti.job.GenerateImages.Output;
import dev.smalti.job.GenerateImages.Size;
import dev.smalti.model.Model;
import dev.smalti.run.Claim;
import dev.smalti.run.ImageArray;
import dev.smalti.run.ImageFolder;
import dev.smalti.run.ImageSink;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Draws a part of an image anew, or what lies beyond its edges, in several variations.
 *
 * <pre>{@code
 * try (Model model = Model.open("fruits-64")) {
 *     EditImage.Source half = EditImage.Source.of(Path.of("fruit.png"), "32,0,32,64");
 *     EditImage.Request four = EditImage.Request.of(4, "cherry-1", 42);
 *     new EditImage(half, four, GenerateImages.Output.png(Path.of("edited"))).run(model, done -> {});
 * }
 * }</pre>
 *
 * <p>The tokens whose squares of pixels have something of the mask are drawn, the others kept. A result is the image byte by
 * byte outside the mask, and what was drawn inside it.
 *
 * <p>An image that tiles into tokens is edited at its own size if that, with the extension, is at least the model's size in
 * both directions; the grid is then a {@link Canvas}. Every other image is first brought to the model's size as {@code encode}
 * does it, the mask with it.
 *
 * @param output a folder with {@code <number>.png}, or an {@code .npz}; its grid shows the image, what is drawn anew of it, and
 *     the variations
 * @param batch variations drawn at once, of a canvas larger than the model's as many fewer; what is drawn does not depend on it
 */
public record EditImage(Source source, Request request, Output output, int batch) {
    public EditImage {
        if (batch < 1) {
            throw new JobException("batch must be at least 1, got " + batch);
        }
        if (output.format() == Format.WEBDATASET) {
            throw new JobException("an edit is written as png or npz, got webdataset");
        }
        if (output.format() == Format.TOKENS) {
            throw new JobException("an edit is written as png or npz, got tokens: pixels outside the mask have none");
        }
    }

    /** In batches of 16. */
    public EditImage(Source source, Request request, Output output) {
        this(source, request, output, 16);
    }

    /**
     * What is edited.
     *
     * @param mask a picture of the image's size as {@link Mask#decode} reads it, or {@code x,y,width,height} in pixels;
     *     null for none
     * @param feather pixels inside the mask over which a result passes from the image to what is drawn; 0 for a sharp edge
     * @param resize brings the image to the model's size even where it could be edited at its own
     */
    public record Source(Path image, String mask, Extension extension, int feather, boolean resize) {
        /** The usual feather. */
        public static final int FEATHER = 2;

        public Source {
            if (mask == null && extension.equals(Extension.NONE)) {
                throw new JobException("there is nothing to draw: give --mask, --extend or both");
            }
            if (feather < 0) {
                throw new JobException("feather must be at least 0, got " + feather);
            }
        }

        /** A part of an image. */
        public static Source of(Path image, String mask) {
            return new Source(image, mask, Extension.NONE, FEATHER, false);
        }

        /** What lies beyond the edges of an image. */
        public static Source of(Path image, Extension extension) {
            return new Source(image, null, extension, FEATHER, false);
        }
    }

    /**
     * What is drawn.
     *
     * @param label name of a class; null for none
     * @param stride of the windows of a canvas larger than the model's grids, in tokens; 0 for the usual
     */
    public record Request(int count, String label, long seed, Sampling sampling, int stride) {
        private Edit.Variations variations() {
            return new Edit.Variations(count, label, seed, sampling, stride);
        }

        public Request {
            if (count < 1) {
                throw new JobException("count must be at least 1, got " + count);
            }
        }

        /** With windows as usual. */
        public Request(int count, String label, long seed, Sampling sampling) {
            this(count, label, seed, sampling, 0);
        }

        /** In the method's usual number of steps, from the model as it is. */
        public static Request of(int count, String label, long seed) {
            return new Request(count, label, seed, Sampling.USUAL);
        }
    }

    /**
     * What was done.
     *
     * @param resized the size of the image as it was, if it was brought to the model's; else null
     * @param size of the results
     * @param space the grid of the results
     * @param drawn how many places of that grid were drawn
     * @param seconds of encoding, drawing, decoding and writing, without opening the model
     */
    public record Result(
            Path out, Path grid, int count, Size resized, Size size, TokenSpace space, int drawn, double seconds) {}

    /** @param observer told of the variations done so far, counting those in the making by their steps */
    public Result run(Model open, Observer observer) {
        output.check();
        keep(source.image());
        if (source.mask() != null && !Mask.isRectangle(source.mask())) {
            keep(Path.of(source.mask()));
        }
        Edit.check(open, source.extension(), request.variations());
        long started = System.nanoTime();
        Pixels image =
                Pixels.decode(read("--image", source.image()), source.image().toString());
        Edit.Content content = new Edit.Content(
                source.image().toString(),
                image,
                "--mask " + source.mask(),
                mask(image),
                source.extension(),
                source.feather(),
                source.resize());
        Edit edit = Edit.of(open, content, request.variations());
        Size size = edit.size();
        try (Claim claim = output.claimGrid();
                ImageSink sink = sink(size);
                GridFile grid = grid(size)) {
            if (grid != null) {
                grid.add(edit.input());
                grid.add(edit.overlay());
            }
            edit.draw(batch, observer, (number, result) -> {
                sink.image(number, result);
                if (grid != null) {
                    grid.add(result);
                }
            });
            observer.see(Phase.of("writing"));
            sink.finish();
            if (grid != null) {
                grid.finish();
            }
        }
        Size before = edit.resized() ? new Size(image.height(), image.width()) : null;
        double seconds = (System.nanoTime() - started) / 1e9;
        return new Result(
                output.path(), output.grid(), request.count(), before, size, edit.space(), edit.drawn(), seconds);
    }

    /** Null if there is to be none. */
    private GridFile grid(Size size) {
        if (output.grid() == null) {
            return null;
        }
        int shown = 2 + request.count();
        int columns = (int) Math.ceil(Math.sqrt(shown));
        return new GridFile(output.grid(), shown, columns, 2, size.width(), size.height());
    }

    /** @throws JobException if a file that is read would be overwritten */
    private void keep(Path read) {
        Path own = read.toAbsolutePath().normalize();
        for (Path written : new Path[] {output.path(), output.grid()}) {
            if (written != null && written.toAbsolutePath().normalize().equals(own)) {
                throw new JobException(
                        read + " is what is read, and would be overwritten: choose another --out and --grid");
            }
        }
    }

    private static byte[] read(String option, Path file) {
        if (!Files.isRegularFile(file)) {
            throw new JobException(Phrase.of("%s %s %s: name a PNG, JPEG, BMP, GIF or WebP file")
                    .with(option, file, Files.exists(file) ? "is no file" : "does not exist"));
        }
        try (InputStream stream = Files.newInputStream(file)) {
            byte[] bytes = stream.readNBytes(Pixels.MOST_BYTES + 1);
            if (bytes.length > Pixels.MOST_BYTES) {
                throw new DataException(
                        Phrase.of("%s is too large: a picture's file may have %,d bytes; make it smaller")
                                .with(file, Pixels.MOST_BYTES));
            }
            return bytes;
        } catch (IOException e) {
            throw new DataException(
                    Phrase.of("%s cannot be read (%s); check that it may be read")
                            .with(file, e),
                    e);
        }
    }

    /** Of the image as it is; null for none. */
    private Mask mask(Pixels image) {
        if (source.mask() == null) {
            return null;
        }
        if (Mask.isRectangle(source.mask())) {
            try {
                return Mask.rectangle(image.width(), image.height(), source.mask());
            } catch (IllegalArgumentException e) {
                throw new JobException("--mask " + e.getMessage(), e);
            }
        }
        Path file = Path.of(source.mask());
        if (!Files.exists(file)) {
            throw new JobException(Phrase.of(
                            "--mask %s is neither a file nor a rectangle x,y,width,height in pixels, such as 0,0,%d,%d")
                    .with(file, image.width() / 2, image.height()));
        }
        return Mask.decode(read("--mask", file), file.toString());
    }

    private ImageSink sink(Size size) {
        return output.format() == Format.PNG
                ? new ImageFolder(output.path(), List.of(), request.count(), null)
                : new ImageArray(output.path(), request.count(), size.width(), size.height(), null);
    }
}
