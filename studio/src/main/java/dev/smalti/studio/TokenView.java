package dev.smalti.studio;

import dev.smalti.data.Pictures;
import dev.smalti.data.Pixels;
import dev.smalti.metric.PeakSignalToNoise;
import dev.smalti.model.Encoding;
import dev.smalti.model.Model;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.Tensor;

/**
 * An image as its tokens.
 *
 * @param image as the tokenizer saw it
 * @param codes row by row, one grid after the other where there are several codes at each place
 * @param height of the grid
 * @param width of the grid
 * @param depth codes at each place
 * @param reconstruction of the codes
 * @param decibels peak signal to noise ratio of the reconstruction
 */
record TokenView(Pixels image, long[] codes, int height, int width, int depth, Pixels reconstruction, double decibels) {
    private static final long MOST_TOKENS = 4_096;

    /** An image that tiles into tokens at its own size, and every other one as {@code encode} brings it to the model's. */
    static TokenView of(Model model, Pixels image) {
        Pixels seen = tiles(model, image) ? image : square(model, image);
        int patch = model.patch();
        return Scope.value(() -> {
            Tensor pixels = Pictures.toTensor(seen); // [1, 3, H, W]
            Tensor codes = model.encode(pixels, new long[1]); // [1, h, w] or [1, T, h, w]
            Pixels again = Pictures.fromTensor(model.decode(codes)).get(0);
            double[] decibels = PeakSignalToNoise.of(pixels, Pictures.toTensor(again), 2);
            int depth = codes.dim() == 4 ? (int) codes.size(1) : 1;
            return new TokenView(
                    seen,
                    Tensors.toLongs(codes),
                    seen.height() / patch,
                    seen.width() / patch,
                    depth,
                    again,
                    decibels[0]);
        });
    }

    private static boolean tiles(Model model, Pixels image) {
        int patch = model.patch();
        int least = model.tokenizer().imageSize();
        return image.width() % patch == 0
                && image.height() % patch == 0
                && image.width() >= least
                && image.height() >= least
                && (long) (image.width() / patch) * (image.height() / patch) <= MOST_TOKENS;
    }

    private static Pixels square(Model model, Pixels image) {
        int side = model.tokenizer().imageSize();
        byte[] rgb =
                Encoding.preparation(model.folder().tokenizerFolder(), side).apply(image, new SplittableRandom(0));
        return new Pixels(side, side, rgb);
    }
}
