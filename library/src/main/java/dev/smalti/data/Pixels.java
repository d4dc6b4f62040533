package dev.smalti.data;

import dev.smalti.tensor.Phrase;
import java.awt.Transparency;
import java.awt.color.ColorSpace;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.ComponentColorModel;
import java.awt.image.ComponentSampleModel;
import java.awt.image.DataBuffer;
import java.awt.image.DataBufferByte;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;
import java.util.Arrays;

/**
 * A decoded 8-bit RGB picture: rows from top to bottom, three bytes (red, green, blue) a pixel.
 *
 * <p>The array is not copied: whoever hands it over or takes it out leaves its contents alone.
 */
public record Pixels(int width, int height, byte[] rgb) {
    /** How many pixels a picture may have that is to be decoded. */
    public static final long MOST = ImageDecoder.MOST_PIXELS;

    /** How many bytes the file of a picture may have. */
    public static final int MOST_BYTES = Tree.MOST_BYTES;

    /**
     * @throws IllegalArgumentException if a side is less than 1, or {@code rgb} is not {@code 3 * width * height} long
     */
    public Pixels {
        if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
            throw new IllegalArgumentException(Phrase.of("a %d x %d picture needs %d bytes of RGB, got %d")
                    .with(width, height, 3L * width * height, rgb.length));
        }
    }

    /**
     * Decodes a JPEG, PNG, BMP, GIF (its first frame) or WebP file; the contents decide which, not the name.
     *
     * <p>Rules for all formats: a picture is turned upright as its EXIF orientation says (JPEG, PNG and WebP carry one;
     * broken EXIF data counts as none), so it arrives as viewers show it. The first frame of an animation is put in its
     * place on the screen. Transparency, and what no frame covers, is composited onto white. 16-bit samples are rounded to
     * 8. Colour profiles are ignored, for samples are taken as they are stored; only CMYK pictures are converted, by theirs
     * or a common one.
     *
     * @param name what messages call the file
     * @throws DataException if the file is broken, cut off, of another format or above 100 megapixels, or would take more
     *     than 30 seconds of a processor or all memory
     */
    public static Pixels decode(byte[] file, String name) {
        return ImageDecoder.decode(file, name).pixels();
    }

    /** The colours of {@code image} as they are stored: transparency is composited onto white, profiles are ignored. */
    public static Pixels of(BufferedImage image) {
        int width = image.getWidth();
        int height = image.getHeight();
        byte[] rgb = new byte[Math.multiplyExact(Math.multiplyExact(width, height), 3)];
        ColorModel colors = image.getColorModel();
        int space = colors.getColorSpace().getType();
        if (colors instanceof IndexColorModel palette) {
            fromPalette(image.getRaster(), palette, rgb);
        } else if (colors instanceof ComponentColorModel
                && colors.getTransferType() != DataBuffer.TYPE_FLOAT
                && colors.getTransferType() != DataBuffer.TYPE_DOUBLE
                && !(colors.hasAlpha() && colors.isAlphaPremultiplied())
                && (space == ColorSpace.TYPE_GRAY || space == ColorSpace.TYPE_RGB)) {
            // getRGB would take grey for linear light and brighten it, and would convert through slow profiles.
            fromSamples(image.getRaster(), colors, rgb);
        } else {
            fromPacked(image, rgb);
        }
        return new Pixels(width, height, rgb);
    }

    /** A copy as an image of {@link BufferedImage#TYPE_3BYTE_BGR}. */
    public BufferedImage toBufferedImage() {
        BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_3BYTE_BGR);
        byte[] bgr = ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
        for (int i = 0; i < rgb.length; i += 3) {
            bgr[i] = rgb[i + 2];
            bgr[i + 1] = rgb[i + 1];
            bgr[i + 2] = rgb[i];
        }
        return image;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Pixels that
                && width == that.width
                && height == that.height
                && Arrays.equals(rgb, that.rgb);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + Arrays.hashCode(rgb);
    }

    @Override
    public String toString() {
        return Phrase.of("Pixels[%d x %d]").with(width, height);
    }

    private static void fromPalette(Raster raster, IndexColorModel palette, byte[] rgb) {
        int[] colors = new int[palette.getMapSize()];
        palette.getRGBs(colors);
        int width = raster.getWidth();
        int[] row = new int[width];
        for (int y = 0, to = 0; y < raster.getHeight(); y++) {
            raster.getSamples(raster.getMinX(), raster.getMinY() + y, width, 1, 0, row);
            for (int x = 0; x < width; x++, to += 3) {
                putPacked(row[x] < colors.length ? colors[row[x]] : 0xff000000, rgb, to);
            }
        }
    }

    private static void fromSamples(Raster raster, ColorModel colors, byte[] rgb) {
        if (raster.getSampleModel() instanceof ComponentSampleModel samples
                && raster.getDataBuffer() instanceof DataBufferByte data
                && data.getNumBanks() == 1
                && !colors.hasAlpha()) {
            fromBytes(raster, samples, data, rgb);
            return;
        }
        int bands = raster.getNumBands();
        int green = bands >= 3 ? 1 : 0;
        int blue = bands >= 3 ? 2 : 0;
        int most = (1 << colors.getComponentSize(0)) - 1;
        int width = raster.getWidth();
        int[] row = new int[width * bands];
        for (int y = 0, to = 0; y < raster.getHeight(); y++) {
            raster.getPixels(raster.getMinX(), raster.getMinY() + y, width, 1, row);
            for (int x = 0; x < width; x++, to += 3) {
                int at = x * bands;
                int alpha = colors.hasAlpha() ? to8(row[at + bands - 1], most) : 255;
                rgb[to] = onWhite(to8(row[at], most), alpha);
                rgb[to + 1] = onWhite(to8(row[at + green], most), alpha);
                rgb[to + 2] = onWhite(to8(row[at + blue], most), alpha);
            }
        }
    }

    private static void fromBytes(Raster raster, ComponentSampleModel samples, DataBufferByte data, byte[] rgb) {
        byte[] bytes = data.getData();
        int[] bands = samples.getBandOffsets();
        int red = bands[0];
        int green = bands[bands.length >= 3 ? 1 : 0];
        int blue = bands[bands.length >= 3 ? 2 : 0];
        int stride = samples.getPixelStride();
        for (int y = 0, to = 0; y < raster.getHeight(); y++) {
            int at = data.getOffset()
                    + (y + raster.getMinY() - raster.getSampleModelTranslateY()) * samples.getScanlineStride()
                    + (raster.getMinX() - raster.getSampleModelTranslateX()) * stride;
            for (int x = 0; x < raster.getWidth(); x++, to += 3, at += stride) {
                rgb[to] = bytes[at + red];
                rgb[to + 1] = bytes[at + green];
                rgb[to + 2] = bytes[at + blue];
            }
        }
    }

    private static void fromPacked(BufferedImage image, byte[] rgb) {
        int width = image.getWidth();
        boolean opaque = image.getColorModel().getTransparency() == Transparency.OPAQUE;
        int[] row = new int[width];
        for (int y = 0, to = 0; y < image.getHeight(); y++) {
            image.getRGB(0, y, width, 1, row, 0, width);
            for (int x = 0; x < width; x++, to += 3) {
                putPacked(opaque ? row[x] | 0xff000000 : row[x], rgb, to);
            }
        }
    }

    private static void putPacked(int argb, byte[] rgb, int to) {
        int alpha = argb >>> 24;
        rgb[to] = onWhite(argb >> 16 & 255, alpha);
        rgb[to + 1] = onWhite(argb >> 8 & 255, alpha);
        rgb[to + 2] = onWhite(argb & 255, alpha);
    }

    /** @param most of a sample: 255, or more for more bits */
    static int to8(int sample, int most) {
        return most == 255 ? sample : (int) ((sample * 255L + most / 2) / most);
    }

    static byte onWhite(int sample, int alpha) {
        return (byte) (alpha == 255 ? sample : (sample * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}
