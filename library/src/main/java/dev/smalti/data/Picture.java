package dev.smalti.data;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.util.Arrays;

/**
 * What a file shows.
 *
 * @param pixels on white
 * @param alpha how opaque each pixel is, row by row, 0 to 255; null where all are opaque
 */
record Picture(Pixels pixels, byte[] alpha) {
    static Picture of(BufferedImage image) {
        return new Picture(Pixels.of(image), alpha(image));
    }

    private static byte[] alpha(BufferedImage image) {
        if (!image.getColorModel().hasAlpha()) {
            return null;
        }
        boolean palette = image.getColorModel() instanceof IndexColorModel;
        Raster raster = palette ? image.getRaster() : image.getAlphaRaster();
        int[] values = values(image);
        int width = image.getWidth();
        int[] row = new int[width];
        byte[] alpha = new byte[width * image.getHeight()];
        for (int y = 0, to = 0; y < image.getHeight(); y++) {
            raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
            for (int x = 0; x < width; x++, to++) {
                alpha[to] = (byte) (row[x] < values.length ? values[row[x]] : 255);
            }
        }
        return alpha;
    }

    /** How opaque a sample is: of a colour's number, or of a channel with 8 or 16 bits. */
    private static int[] values(BufferedImage image) {
        if (image.getColorModel() instanceof IndexColorModel palette) {
            int[] values = new int[palette.getMapSize()];
            Arrays.setAll(values, palette::getAlpha);
            return values;
        }
        int bits = image.getColorModel().getComponentSize(image.getColorModel().getNumComponents() - 1);
        int[] values = new int[1 << bits];
        Arrays.setAll(values, i -> Pixels.to8(i, values.length - 1));
        return values;
    }

    /** @param rgba red, green, blue and opacity of each pixel, row by row */
    static Picture of(int width, int height, byte[] rgba, boolean transparent) {
        byte[] rgb = new byte[Math.multiplyExact(3, width * height)];
        byte[] alpha = transparent ? new byte[width * height] : null;
        for (int i = 0; i < width * height; i++) {
            int opacity = transparent ? rgba[4 * i + 3] & 255 : 255;
            for (int channel = 0; channel < 3; channel++) {
                rgb[3 * i + channel] = Pixels.onWhite(rgba[4 * i + channel] & 255, opacity);
            }
            if (transparent) {
                alpha[i] = (byte) opacity;
            }
        }
        return new Picture(new Pixels(width, height, rgb), alpha);
    }

    /** Put in its place on a larger screen, which is white and transparent elsewhere. */
    Picture on(int width, int height, int left, int top) {
        if (width == pixels.width() && height == pixels.height()) {
            return this;
        }
        byte[] rgb = new byte[Math.multiplyExact(3, width * height)];
        Arrays.fill(rgb, (byte) 255);
        byte[] opacity = new byte[width * height];
        for (int y = 0; y < pixels.height(); y++) {
            int from = y * pixels.width();
            int to = (top + y) * width + left;
            System.arraycopy(pixels.rgb(), 3 * from, rgb, 3 * to, 3 * pixels.width());
            if (alpha == null) {
                Arrays.fill(opacity, to, to + pixels.width(), (byte) 255);
            } else {
                System.arraycopy(alpha, from, opacity, to, pixels.width());
            }
        }
        return new Picture(new Pixels(width, height, rgb), opacity);
    }

    Picture upright(Orientation stored) {
        if (stored.equals(Orientation.UPRIGHT)) {
            return this;
        }
        int width = pixels.width();
        int height = pixels.height();
        byte[] rgb = stored.turn(pixels.rgb(), width, height, 3);
        byte[] opacity = alpha == null ? null : stored.turn(alpha, width, height, 1);
        return new Picture(new Pixels(stored.swaps() ? height : width, stored.swaps() ? width : height, rgb), opacity);
    }
}
