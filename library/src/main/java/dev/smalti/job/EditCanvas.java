package dev.smalti.job;

import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;
import java.util.Arrays;

/**
 * A picture of which a part is drawn anew: the image in its place, and around it what the extension adds.
 *
 * @param picture the image, mirrored beyond its edges
 * @param open the pixels that are drawn anew: those of the mask, and all that was added
 * @param added those that were added
 * @param share of what is drawn in each pixel of a result, the rest being the picture's: 0 where it isn't open, 1 far inside
 */
record EditCanvas(Pixels picture, Mask open, Mask added, float[] share) {
    private static final int[] OPEN = {255, 0, 160}; // red, green and blue of what is open, in the overlay

    /**
     * @param mask of the image; null for none
     * @param feather pixels over which the result passes from the image to what is drawn, inside of what is open; less where
     *     nothing lies so deep
     */
    static EditCanvas of(Pixels image, Mask mask, Extension extension, int feather) {
        int width = image.width() + extension.left() + extension.right();
        int height = image.height() + extension.top() + extension.bottom();
        byte[] rgb = new byte[Math.toIntExact(3L * width * height)];
        boolean[] open = new boolean[width * height];
        boolean[] added = new boolean[width * height];
        for (int y = 0; y < height; y++) {
            int row = mirrored(y - extension.top(), image.height());
            for (int x = 0; x < width; x++) {
                int column = mirrored(x - extension.left(), image.width());
                int at = y * width + x;
                System.arraycopy(image.rgb(), 3 * (row * image.width() + column), rgb, 3 * at, 3);
                added[at] = column != x - extension.left() || row != y - extension.top();
                open[at] = added[at] || mask != null && mask.at(column, row);
            }
        }
        Mask all = new Mask(width, height, open);
        Mask fresh = new Mask(width, height, added);
        return new EditCanvas(new Pixels(width, height, rgb), all, fresh, share(all, feather));
    }

    /** The place of a coordinate when 0..size-1 is followed by itself backwards, and so on. */
    private static int mirrored(int at, int size) {
        int within = Math.floorMod(at, 2 * size);
        return within < size ? within : 2 * size - 1 - within;
    }

    /** d/(f+1) at depth d, with f at most so large that the deepest pixels have 1. */
    private static float[] share(Mask open, int feather) {
        int[] depths = open.depths();
        int deepest = Arrays.stream(depths).max().orElse(0);
        float width = Math.max(0, Math.min(feather, deepest - 1)) + 1f;
        float[] share = new float[depths.length];
        for (int i = 0; i < share.length; i++) {
            share[i] = Math.min(1, depths[i] / width);
        }
        return share;
    }

    /** Where a token's square of pixels has an open one, row by row. */
    boolean[] tokens(int factor) {
        int across = open.width() / factor;
        boolean[] tokens = new boolean[across * (open.height() / factor)];
        for (int y = 0; y < open.height(); y++) {
            for (int x = 0; x < open.width(); x++) {
                tokens[y / factor * across + x / factor] |= open.at(x, y);
            }
        }
        return tokens;
    }

    /** The picture with what is drawn in its open part; elsewhere byte by byte as it was. */
    Pixels with(Pixels drawn) {
        byte[] rgb = picture.rgb().clone();
        for (int i = 0; i < rgb.length; i++) {
            if (share[i / 3] > 0) {
                int before = rgb[i] & 255;
                rgb[i] = (byte) Math.round(before + share[i / 3] * ((drawn.rgb()[i] & 255) - before));
            }
        }
        return new Pixels(picture.width(), picture.height(), rgb);
    }

    /** The image where it lies, and white around it. */
    Pixels input() {
        byte[] rgb = picture.rgb().clone();
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = added.open()[i / 3] ? (byte) 255 : rgb[i];
        }
        return new Pixels(picture.width(), picture.height(), rgb);
    }

    /** {@link #input} with what is open in colour. */
    Pixels overlay() {
        byte[] rgb = input().rgb();
        for (int i = 0; i < rgb.length; i++) {
            if (open.open()[i / 3]) {
                rgb[i] = (byte) (((rgb[i] & 255) + OPEN[i % 3]) / 2);
            }
        }
        return new Pixels(picture.width(), picture.height(), rgb);
    }
}
