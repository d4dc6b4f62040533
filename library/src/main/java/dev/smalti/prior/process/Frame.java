package dev.smalti.prior.process;

import dev.smalti.draw.Canvas;
import dev.smalti.draw.Known;
import dev.smalti.draw.RandomStreams;
import dev.smalti.draw.Sampling;
import dev.smalti.draw.Windows;
import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenSpace;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/** The grids to be drawn: their size, which may be above that of training, and the tokens that are known already. */
public final class Frame {
    private final TokenSpace trained;
    private final TokenSpace space;
    private final Canvas canvas; // null for the size of training
    private final Known known; // null for none
    private final Tensor open; // bool [1, L]
    private final long unknown;
    private Tensor places; // where codes are drawn, bool [1, T·L]; null if everywhere
    private Tensor codes; // known ones, 0 where they are drawn, int64 [B, T·L]

    private Frame(TokenSpace trained, TokenSpace space, Sampling sampling) {
        this.trained = trained;
        this.space = space;
        boolean larger = space.height() != trained.height() || space.width() != trained.width();
        boolean kept =
                sampling.known() != null && !sampling.known().open().all().item_bool();
        this.canvas = larger ? sampling.canvas() : null;
        this.known = kept ? sampling.known() : null;
        this.open = known == null
                ? torch.ones(new long[] {1, space.length()}, Tensors.options(ScalarType.Bool))
                : known.open().cpu().view(1, space.length());
        this.unknown = known == null ? space.length() : open.sum().item_long();
    }

    /** @throws IllegalArgumentException if the known tokens are not those of such grids */
    public static Frame of(TokenSpace trained, Sampling sampling, RandomStreams draws) {
        Canvas canvas = sampling.canvas();
        TokenSpace space = canvas == null ? trained : trained.sized(canvas.height(), canvas.width());
        Frame frame = new Frame(trained, space, sampling);
        if (frame.known != null) {
            frame.take(draws.grids());
        }
        return frame;
    }

    private void take(long grids) {
        Tensor codes = known.codes();
        long depth = codes.dim() == 4 ? codes.size(1) : 1;
        if (codes.size(0) != grids
                || depth != space.depth()
                || codes.size(-2) != space.height()
                || codes.size(-1) != space.width()) {
            throw new IllegalArgumentException("known tokens must be %d grids of %s, got %s"
                    .formatted(grids, space.grid(), Dims.text(Dims.of(codes))));
        }
        if (space.depth() > 1 && known.noiseSeeds() == null) {
            throw new IllegalArgumentException(
                    "known tokens of a diffusion tokenizer need the noise seeds that they were encoded with");
        }
        places = open.expand(space.depth(), space.length()).reshape(1, -1);
        Tensor all = codes.cpu().to(ScalarType.Long).reshape(grids, -1);
        this.codes = space.check("the known tokens", all.masked_fill(places, new Scalar(0L)));
    }

    /** K, T, and the size of the grids to be drawn. */
    public TokenSpace space() {
        return space;
    }

    /** Whether some tokens are known. */
    public boolean partial() {
        return known != null;
    }

    /** The places to be drawn, bool [1, L]. */
    public Tensor open() {
        return open;
    }

    /** How many there are. */
    public long unknown() {
        return unknown;
    }

    /** The noise seeds of the known tokens, [B]. */
    public long[] noiseSeeds() {
        return Tensors.toLongs(known.noiseSeeds());
    }

    /**
     * {@code x} with the known tokens in their places.
     *
     * @param x int64 [B, T·L]
     */
    public Tensor keep(Tensor x) {
        return keep(x, codes -> codes);
    }

    /**
     * The same with what has become of the known tokens.
     *
     * @param lost is given the known tokens, int64 [B, T·L], with code 0 at open places, and gives the same shape
     */
    public Tensor keep(Tensor x, UnaryOperator<Tensor> lost) {
        if (known == null) {
            return x;
        }
        return torch.where(places, x, lost.apply(codes));
    }

    /** The network as it sees such grids: through windows of the size of training where they are larger. */
    public Denoiser around(Denoiser network) {
        return around(network, false);
    }

    /** @param scores whether it gives logarithms of ratios rather than logits */
    public Denoiser around(Denoiser network, boolean scores) {
        return canvas == null ? network : new Windows(network, trained.height(), trained.width(), canvas, scores);
    }

    /** So many steps for a grid of training, as many as that for each of the tokens of such a grid. */
    public int grown(int steps) {
        return Math.toIntExact(Math.max(steps, (long) steps * space.length() / trained.length()));
    }

    /**
     * The steps that may be left out since as much is known already as after them.
     *
     * @param steps of a walk in which nothing is known
     */
    public int skipped(Sampling sampling, int steps) {
        double lost = (double) unknown / space.length();
        return skipped(steps, next -> sampling.time(next, steps) >= lost);
    }

    /** How many first steps are needless, the last one excepted: those whose successor begins where {@code enough} holds. */
    public static int skipped(int steps, IntPredicate enough) {
        int skipped = 0;
        while (skipped < steps - 1 && enough.test(skipped + 2)) {
            skipped++;
        }
        return skipped;
    }
}
