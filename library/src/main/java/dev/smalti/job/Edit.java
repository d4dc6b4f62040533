package dev.smalti.job;

import dev.smalti.data.Mask;
import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.data.Preparation;
import dev.smalti.draw.Canvas;
import dev.smalti.draw.Known;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.job.GenerateImages.Size;
import dev.smalti.model.Decoding;
import dev.smalti.model.Drawing;
import dev.smalti.model.Encoding;
import dev.smalti.model.Model;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Observer;
import dev.smalti.tensor.Phase;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Tensor;

/** A part of an image that is drawn anew, or what lies beyond its edges, as {@link EditImage} has it, with pixels in memory. */
public final class Edit {
    private static final long MOST_TOKENS = 1 << 16; // 2048 x 2048 pixels of 8 x 8 a token

    private final Model model;
    private final Variations variations;
    private final EditCanvas canvas;
    private final TokenSpace space;
    private final Size size;
    private final boolean[] tokens; // that are drawn
    private final boolean resized;

    /**
     * What is edited.
     *
     * @param name what messages call the image
     * @param maskName what messages call the mask
     * @param mask of the image's size, true where it is drawn anew; null for none
     * @param extension pixels that are added around it
     * @param feather pixels inside the mask over which a result passes from the image to what is drawn; 0 for a sharp edge
     * @param resize brings the image to the model's size even where it could be edited at its own
     */
    public record Content(
            String name, Pixels image, String maskName, Mask mask, Extension extension, int feather, boolean resize) {
        /** @throws JobException if the mask is of another size, or nothing is drawn */
        public Content {
            if (mask == null && extension.equals(Extension.NONE)) {
                throw new JobException("there is nothing to draw: give a mask, an extension or both");
            }
            if (feather < 0) {
                throw new JobException("feather must be at least 0, got " + feather);
            }
            if (mask != null && (mask.width() != image.width() || mask.height() != image.height())) {
                throw new JobException(
                        Phrase.of("%s must have the size of the image, %d x %d pixels (width x height), got %d x %d:"
                                        + " scale it, or give a rectangle x,y,width,height")
                                .with(maskName, image.width(), image.height(), mask.width(), mask.height()));
            }
            if (mask != null && mask.count() == 0) {
                throw new JobException(Phrase.of(
                                "%s has nothing to draw anew: make that part transparent, or white where all is opaque")
                        .with(maskName));
            }
        }
    }

    /**
     * What is drawn.
     *
     * @param label name of a class; null for none
     * @param stride of the windows of a canvas larger than the model's grids, in tokens; 0 for the usual
     */
    public record Variations(int count, String label, long seed, Sampling sampling, int stride) {
        public Variations {
            if (count < 1) {
                throw new JobException("count must be at least 1, got " + count);
            }
            if (stride < 0) {
                throw new JobException("stride must be at least 0, got " + stride);
            }
        }
    }

    private Edit(Model model, Content content, Variations variations) {
        this.model = model;
        this.variations = variations;
        boolean own = own(model, content);
        int factor = model.tokenizer().factor();
        this.resized = !own;
        this.size = size(model, content, own);
        this.space = model.prior().space().sized(size.height() / factor, size.width() / factor);
        this.canvas = own ? canvas(content.image(), content.mask(), content) : resized(model, content);
        this.tokens = canvas.tokens(factor);
    }

    /**
     * Looks whether a model can do that, before anything is read.
     *
     * @throws JobException saying what doesn't go together
     */
    static void check(Model model, Extension extension, Variations variations) {
        Sampling sampling = variations.sampling();
        if (sampling.guidance().weight() > 0
                && variations.label() == null
                && sampling.guidance().negative() == null
                && sampling.guidance().guiding() == null) {
            throw new JobException(
                    "guidance leads to a class or away from one, or from a model, and there is none: give --label,"
                            + " --negative or --against, or leave --guidance out");
        }
        if (model.tokenizer() == null) {
            throw new JobException(model.folder().path() + " has no tokenizer, so it can't edit images:"
                    + " train the prior with --tokenizer");
        }
        extension.check(model.tokenizer().factor());
        if (variations.label() != null) {
            model.label(variations.label());
        }
    }

    private Edit(Edit other, Model model) {
        this.model = model;
        this.variations = other.variations;
        this.canvas = other.canvas;
        this.space = other.space;
        this.size = other.size;
        this.tokens = other.tokens;
        this.resized = other.resized;
    }

    /** The same by another copy of the model, which must be of the same weights. */
    public Edit on(Model copy) {
        return copy == model ? this : new Edit(this, copy);
    }

    /** @throws JobException saying what doesn't go together */
    public static Edit of(Model model, Content content, Variations variations) {
        check(model, content.extension(), variations);
        return new Edit(model, content, variations);
    }

    /** The pixels of a grid of training along a side, which the tokenizer may have seen at another size. */
    private static int side(Model model) {
        TokenSpace trained = model.prior().space();
        return trained.height() == trained.width()
                ? trained.height() * model.tokenizer().factor()
                : model.tokenizer().imageSize();
    }

    /** Whether the image is edited at its own size. */
    private static boolean own(Model model, Content content) {
        Pixels image = content.image();
        int factor = model.tokenizer().factor();
        int side = side(model);
        Extension more = content.extension();
        boolean tiles = image.width() % factor == 0 && image.height() % factor == 0;
        boolean large = image.width() + more.left() + more.right() >= side
                && image.height() + more.top() + more.bottom() >= side;
        return tiles && large && !content.resize() || image.width() == side && image.height() == side;
    }

    private static Size size(Model model, Content content, boolean own) {
        int factor = model.tokenizer().factor();
        int side = side(model);
        Extension more = content.extension();
        int width = (own ? content.image().width() : side) + more.left() + more.right();
        int height = (own ? content.image().height() : side) + more.top() + more.bottom();
        if ((long) (width / factor) * (height / factor) > MOST_TOKENS) {
            throw new JobException(
                    Phrase.of("%s would become %d x %d tokens, and at most %d can be edited: make it smaller,"
                                    + " extend it less, or let --resize bring it to %d x %d pixels")
                            .with(content.name(), width / factor, height / factor, MOST_TOKENS, side, side));
        }
        return new Size(height, width);
    }

    private static EditCanvas canvas(Pixels image, Mask mask, Content content) {
        return EditCanvas.of(image, mask, content.extension(), content.feather());
    }

    /** The image as {@code encode} sees it, and its mask likewise. */
    private static EditCanvas resized(Model model, Content content) {
        int side = side(model);
        Pixels image = content.image();
        Mask mask = content.mask();
        Preparation preparation = Encoding.preparation(model.folder().tokenizerFolder(), side);
        Pixels square = new Pixels(side, side, preparation.apply(image, new SplittableRandom(0)));
        Mask part = mask == null ? null : preparation.apply(mask, new SplittableRandom(0));
        if (part != null && part.count() == 0) {
            throw new JobException(Phrase.of("%s lies in what is cut off when the %d x %d pixels of %s become %d x %d:"
                            + " crop the image to a square around it first")
                    .with(content.maskName(), image.width(), image.height(), content.name(), side, side));
        }
        return canvas(square, part, content);
    }

    /** Of the results. */
    public Size size() {
        return size;
    }

    /** The grid of the results. */
    public TokenSpace space() {
        return space;
    }

    /** Whether the image was first brought to the model's size. */
    public boolean resized() {
        return resized;
    }

    /** How many places of the grid are drawn. */
    public int drawn() {
        int count = 0;
        for (boolean each : tokens) {
            count += each ? 1 : 0;
        }
        return count;
    }

    /** The image in its place, mirrored beyond its edges. */
    public Pixels input() {
        return canvas.input();
    }

    /** The same with a colour over what is drawn anew. */
    public Pixels overlay() {
        return canvas.overlay();
    }

    /**
     * Draws the variations.
     *
     * @param batch variations drawn at once; what is drawn does not depend on it
     * @param observer told of the variations done so far, counting those in the making by their steps; what it throws stops
     *     the draw
     */
    public void draw(int batch, Observer observer, Decoding.Taker taker) {
        Sampling sampling = space.equals(model.prior().space())
                ? variations.sampling()
                : variations.sampling().canvas(new Canvas(space.height(), space.width(), variations.stride()));
        observer.see(Phase.of("encoding"));
        Known known = known();
        LongConsumer progress = observer.counting(Phase.of("drawing and decoding", "images", variations.count()));
        Decoding decoding = new Decoding(model, space, (number, image) -> taker.take(number, canvas.with(image)));
        new Drawing(model, labels(), variations.count(), variations.seed(), sampling, known)
                .run(batch, progress, (from, codes) -> decoding.add(codes));
        decoding.finish();
    }

    /** [count], all the same; null for an unconditional model */
    private long[] labels() {
        if (model.prior().classes() == 0) {
            return null;
        }
        long[] labels = new long[variations.count()];
        Arrays.fill(labels, variations.label() == null ? model.prior().classes() : model.label(variations.label()));
        return labels;
    }

    /** What the variations know; null for nothing. */
    private Known known() {
        if (drawn() == tokens.length) {
            return null;
        }
        long[] noise = space.depth() == 1
                ? null
                : LongStream.range(0, variations.count()) // that of the grids to be drawn
                        .map(number -> RandomStreams.noiseSeed(Model.grid(variations.seed(), number)))
                        .toArray();
        List<long[]> grids = new ArrayList<>();
        Scope.free(() -> {
            Tensor pixels = Pictures.toTensor(canvas.picture());
            for (long each : noise == null ? new long[1] : noise) {
                grids.add(Tensors.toLongs(model.encode(pixels, new long[] {each})));
            }
        });
        return new Known(space.height(), space.width(), tokens, grids, noise);
    }
}
