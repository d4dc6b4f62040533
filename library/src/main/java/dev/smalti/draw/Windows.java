package dev.smalti.draw;

import dev.smalti.network.Denoiser;
import dev.smalti.tensor.Phrase;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * A network for grids of h × w tokens on a larger canvas of h' × w': the mean of what it says through all windows of its own
 * size that contain a position, p(x_i) = 1/n Σ softmax f(x[window])_i. Bond-Taylor et al. 2022, arXiv:2111.12701, section 3.3,
 * eq. 8.
 *
 * <p>Windows start at 0, s, 2s and so on along either side, and the last one ends with the canvas. Only those that contain a
 * position asked for are run, at most {@value #TOGETHER} at once, and asked for no more than that: so memory grows with the
 * positions asked for, and a whole draw costs in proportion to the area. The mean is taken in float64, since in float32 what is
 * rarer than e⁻¹⁰³ would be lost, and guidance would make it ∞ - ∞.
 *
 * <p>With {@link Looking#RANDOM} each place is seen through one window alone, drawn at random from all that contain it: an unbiased
 * estimate of the mean over all, which the paper takes for extremely large images.
 *
 * <p>Letters: N windows in one call, L = h·w tokens in a window, L' = h'·w' on the canvas, M positions asked for.
 */
public final class Windows implements Denoiser {
    /** N at most. */
    static final int TOGETHER = 64;

    private final Denoiser inner;
    private final int height;
    private final int width;
    private final Canvas canvas;
    private final boolean scores;
    private final int[] corners;
    private final Tensor random; // float64 [B, L'] in [0, 1), which window shows a place; null for all

    /**
     * @param height of the grids that {@code inner} was trained on, in tokens
     * @param width the same
     * @param scores whether {@code inner} gives log-scores, which are averaged as they are; otherwise logits, which are
     *     normalised in each window
     * @throws IllegalArgumentException if the canvas is smaller than the grids of training, or the stride so large that
     *     windows may leave holes
     */
    public Windows(Denoiser inner, int height, int width, Canvas canvas, boolean scores) {
        if (canvas.height() < height || canvas.width() < width) {
            throw new UnsupportedSamplingException(Phrase.of(
                            "a canvas must be at least as large as the grids of training, %d × %d tokens, got %d × %d")
                    .with(height, width, canvas.height(), canvas.width()));
        }
        int least = Math.min(height, width);
        if (canvas.stride() > least) {
            throw new UnsupportedSamplingException(
                    Phrase.of("stride must be at most %d, the smaller side of the grids of training (%d × %d), got %d")
                            .with(least, height, width, canvas.stride()));
        }
        this.random = null;
        this.inner = inner;
        this.height = height;
        this.width = width;
        this.canvas = canvas;
        this.scores = scores;
        int stride = canvas.stride() == 0 ? Math.max(1, least / 2) : canvas.stride();
        int[] left = starts(canvas.width(), width, stride);
        this.corners = Arrays.stream(starts(canvas.height(), height, stride))
                .flatMap(top -> Arrays.stream(left).map(x -> top * canvas.width() + x))
                .toArray();
    }

    private Windows(Windows like, Denoiser inner, Tensor random) {
        this.inner = inner;
        this.height = like.height;
        this.width = like.width;
        this.canvas = like.canvas;
        this.scores = like.scores;
        this.corners = like.corners;
        this.random = random;
    }

    /** The same windows, and for each place the same one where it is one, of another network of grids of this size. */
    public Windows through(Denoiser other) {
        return new Windows(this, other, random);
    }

    /**
     * With one window a place, whatever the stride.
     *
     * @param random which of those that contain it, float64 [B, L'] in [0, 1); calls may be of B rows, or of 2B, where both halves
     *     see the same
     */
    public Windows random(Tensor random) {
        return new Windows(this, inner, random);
    }

    @Override
    public Denoiser of(Tensor which) {
        return random == null ? this : new Windows(this, inner, random.index_select(0, which));
    }

    /** 0, s, 2s, ... and at last side - window. */
    private static int[] starts(int side, int window, int stride) {
        int last = side - window;
        return IntStream.concat(
                        IntStream.iterate(0, start -> start < last, start -> start + stride), IntStream.of(last))
                .toArray();
    }

    /**
     * The logarithm of the mean, float32 [M, K]; what the inner network says itself where the canvas has the size of training.
     *
     * @throws IllegalArgumentException if {@code xt} hasn't L' tokens a grid
     */
    @Override
    public Tensor logits(Tensor xt, Tensor time, Tensor label, Tensor at) {
        int area = canvas.height() * canvas.width();
        if (xt.size(1) != area) {
            throw new IllegalArgumentException(Phrase.of("a canvas of %d × %d has %d tokens, got %d")
                    .with(canvas.height(), canvas.width(), area, xt.size(1)));
        }
        if (canvas.height() == height && canvas.width() == width) {
            return inner.logits(xt, time, label, at);
        }
        return Scope.keep(() -> {
            Views views = new Views(xt, at);
            Tensor sum = null; // [M, K]
            while (views.next()) {
                Tensor before = sum;
                sum = Scope.keep(
                        () -> views.add(before, inner.logits(views.xt(), views.of(time), views.of(label), views.at())));
            }
            Tensor count = views.onDevice(views.seen).unsqueeze(1);
            // no probability is 0, of which guidance would make ∞ - ∞
            return sum.div(count).clamp_min(new Scalar(Double.MIN_NORMAL)).log().to(ScalarType.Float);
        });
    }

    /** The windows in which something is asked for, N by N. */
    private final class Views {
        private final Tensor whole; // [B, L'] or [B, L', E]
        private final int[] number; // of each of the B·L' positions among the M asked for, -1 for the others
        private final long[] seen; // [M], through how many windows so far
        private final int[] chosen; // [M], the corner among the B·L' of the one window that shows it; null for all
        private final int[] windows; // corners among the B·L'
        private int next;

        private long[] grids; // [N]
        private long[] source; // [N·L], into B·L'
        private long[] within; // [M'], into N·L
        private long[] target; // [M'], into M

        Views(Tensor xt, Tensor at) {
            int positions = Math.toIntExact(xt.size(0) * xt.size(1));
            long[] asked = at == null ? LongStream.range(0, positions).toArray() : Tensors.toLongs(at);
            whole = xt;
            number = new int[positions];
            Arrays.fill(number, -1);
            for (int m = 0; m < asked.length; m++) {
                number[Math.toIntExact(asked[m])] = m;
            }
            seen = new long[asked.length];
            chosen = random == null || asked.length == 0 ? null : chosen(asked);
            int area = canvas.height() * canvas.width();
            windows = chosen != null
                    ? Arrays.stream(chosen).sorted().distinct().toArray()
                    : IntStream.range(0, Math.toIntExact(xt.size(0)))
                            .flatMap(grid -> Arrays.stream(corners).map(corner -> grid * area + corner))
                            .toArray();
        }

        /** A window for each place, of equal probability each. */
        private int[] chosen(long[] asked) {
            double[] u = Tensors.toDoubles(random);
            int area = canvas.height() * canvas.width();
            return Arrays.stream(asked)
                    .mapToInt(position -> {
                        int grid = (int) (position / area);
                        int place = (int) (position % area);
                        int top = Math.max(0, place / canvas.width() - height + 1);
                        int left = Math.max(0, place % canvas.width() - width + 1);
                        int down = Math.min(place / canvas.width(), canvas.height() - height) - top + 1;
                        int across = Math.min(place % canvas.width(), canvas.width() - width) - left + 1;
                        int which = (int) (u[(int) (position % u.length)] * down * across);
                        return grid * area + (top + which / across) * canvas.width() + left + which % across;
                    })
                    .toArray();
        }

        /** Goes on to the next N; false if there are no more. */
        boolean next() {
            int length = height * width;
            grids = new long[TOGETHER];
            source = new long[TOGETHER * length];
            within = new long[TOGETHER * length];
            target = new long[TOGETHER * length];
            int n = 0;
            int m = 0;
            for (; next < windows.length && n < TOGETHER; next++) {
                int corner = windows[next];
                int before = m;
                for (int i = 0; i < length; i++) {
                    int position = corner + i / width * canvas.width() + i % width;
                    source[n * length + i] = position;
                    if (number[position] >= 0 && (chosen == null || chosen[number[position]] == corner)) {
                        within[m] = (long) n * length + i;
                        target[m] = number[position];
                        seen[number[position]]++;
                        m++;
                    }
                }
                if (m > before || (seen.length == 0 && next == 0)) { // asked for nothing, one window tells K
                    grids[n++] = corner / (canvas.height() * canvas.width());
                }
            }
            grids = Arrays.copyOf(grids, n);
            source = Arrays.copyOf(source, n * length);
            within = Arrays.copyOf(within, m);
            target = Arrays.copyOf(target, m);
            return n > 0;
        }

        /** [N, L] or [N, L, E] */
        Tensor xt() {
            Tensor rows = whole.flatten(0, 1).index_select(0, onDevice(source));
            long n = grids.length;
            return whole.dim() == 2 ? rows.view(n, -1) : rows.view(n, -1, whole.size(2));
        }

        /** What holds of the grids, of their windows. [B] -> [N] */
        Tensor of(Tensor each) {
            return each == null ? null : each.index_select(0, onDevice(grids));
        }

        /** [M'] */
        Tensor at() {
            return onDevice(within);
        }

        /** Adds what the network says to {@code sum}, null at first. [M, K], [M', K] -> [M, K] */
        Tensor add(Tensor sum, Tensor logits) {
            Tensor wide = logits.to(ScalarType.Double);
            Tensor p = scores ? wide.exp() : torch.softmax(wide, -1);
            Tensor all = sum != null
                    ? sum
                    : torch.zeros(new long[] {seen.length, p.size(1)}, Tensors.options(ScalarType.Double, p.device()));
            all.index_add_(0, onDevice(target), p);
            return all; // what index_add_ returns doesn't own it
        }

        Tensor onDevice(long[] values) {
            return Tensors.longs(values).to(whole.device(), ScalarType.Long);
        }
    }
}
