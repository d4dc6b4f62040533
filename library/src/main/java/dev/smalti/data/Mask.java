package dev.smalti.data;

import dev.smalti.tensor.Excerpt;
import dev.smalti.tensor.Phrase;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which pixels of a picture are open, that is, drawn anew: rows from top to bottom.
 *
 * <p>The array is not copied: whoever hands it over or takes it out leaves its contents alone.
 */
public record Mask(int width, int height, boolean[] open) {
    private static final Pattern RECTANGLE =
            Pattern.compile("\\s*(-?\\d{1,9})\\s*,\\s*(-?\\d{1,9})\\s*,\\s*(-?\\d{1,9})\\s*,\\s*(-?\\d{1,9})\\s*");
    private static final int HALF = 128;
    private static final int[][] BEFORE = {{-1, 0}, {-1, -1}, {0, -1}, {1, -1}
    }; // x and y of the neighbours seen already
    private static final int COLOUR = 48; // by which channels may differ in what is still black, white or grey

    /** @throws IllegalArgumentException if a side is less than 1, or {@code open} is not {@code width * height} long */
    public Mask {
        if (width < 1 || height < 1 || open.length != (long) width * height) {
            throw new IllegalArgumentException(Phrase.of("a %d x %d mask needs %d pixels, got %d")
                    .with(width, height, (long) width * height, open.length));
        }
    }

    /**
     * Decodes a picture. Where it has transparent parts they are open, whatever their colour; else it must be black and
     * white, and the white parts are open. It is turned upright as {@link Pixels#decode} does.
     *
     * @param name what messages call the file
     * @throws DataException if the file is broken, or has neither transparency nor black and white alone
     */
    public static Mask decode(byte[] file, String name) {
        Picture picture = ImageDecoder.decode(file, name);
        Pixels pixels = picture.pixels();
        boolean[] open = picture.alpha() == null ? null : transparent(picture.alpha());
        return new Mask(pixels.width(), pixels.height(), open == null ? white(pixels, name) : open);
    }

    /**
     * Decodes the transparent parts of a picture, whatever its colours.
     *
     * @param name what messages call the file
     * @throws DataException if the file is broken or all of it is opaque
     */
    public static Mask ofTransparency(byte[] file, String name) {
        Picture picture = ImageDecoder.decode(file, name);
        boolean[] open = picture.alpha() == null ? null : transparent(picture.alpha());
        if (open == null) {
            throw new DataException(
                    name + " is opaque, so nothing says what is drawn anew: erase that part, or give a mask");
        }
        return new Mask(picture.pixels().width(), picture.pixels().height(), open);
    }

    /** @return null where all is opaque */
    private static boolean[] transparent(byte[] alpha) {
        boolean[] open = new boolean[alpha.length];
        boolean any = false;
        for (int i = 0; i < alpha.length; i++) {
            open[i] = (alpha[i] & 255) < HALF;
            any |= open[i];
        }
        return any ? open : null;
    }

    private static boolean[] white(Pixels pixels, String name) {
        byte[] rgb = pixels.rgb();
        boolean[] open = new boolean[rgb.length / 3];
        for (int i = 0; i < open.length; i++) {
            int red = rgb[3 * i] & 255;
            int green = rgb[3 * i + 1] & 255;
            int blue = rgb[3 * i + 2] & 255;
            int most = Math.max(red, Math.max(green, blue));
            int least = Math.min(red, Math.min(green, blue));
            if (most - least > COLOUR) {
                throw new DataException(Phrase.of(
                                "%s must have transparent parts, or be black and white, where white is drawn anew;"
                                        + " its pixel %d,%d is #%02x%02x%02x: erase the part, or paint it white on black")
                        .with(name, i % pixels.width(), i / pixels.width(), red, green, blue));
            }
            open[i] = red + green + blue >= 3 * HALF;
        }
        return open;
    }

    /**
     * A rectangle of a picture.
     *
     * @throws IllegalArgumentException if it has no pixels, or some outside the picture
     */
    public static Mask rectangle(int width, int height, int left, int top, int across, int down) {
        if (left < 0 || top < 0 || across < 1 || down < 1 || left > width - across || top > height - down) {
            throw new IllegalArgumentException(Phrase.of("a rectangle must lie inside 0,0,%d,%d, got %d,%d,%d,%d")
                    .with(width, height, left, top, across, down));
        }
        boolean[] open = new boolean[width * height];
        for (int y = top; y < top + down; y++) {
            Arrays.fill(open, y * width + left, y * width + left + across, true);
        }
        return new Mask(width, height, open);
    }

    /** Whether a text has the form of a rectangle, {@code x,y,width,height}. */
    public static boolean isRectangle(String text) {
        return RECTANGLE.matcher(text).matches();
    }

    /**
     * A rectangle of a picture, as people write it.
     *
     * @param text {@code x,y,width,height} in pixels
     * @throws IllegalArgumentException if it has another form, no pixels, or some outside the picture; the message begins with the text
     */
    public static Mask rectangle(int width, int height, String text) {
        Matcher numbers = RECTANGLE.matcher(text);
        if (!numbers.matches()) {
            throw new IllegalArgumentException(
                    Phrase.of("%s must be a rectangle x,y,width,height in pixels, such as 0,0,%d,%d")
                            .with(Excerpt.brief(text), width, height));
        }
        int[] values = new int[4];
        for (int i = 0; i < values.length; i++) {
            values[i] = Integer.parseInt(numbers.group(i + 1));
        }
        try {
            return rectangle(width, height, values[0], values[1], values[2], values[3]);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    Phrase.of(
                                    "%s must be a rectangle x,y,width,height with pixels, inside the image, which is 0,0,%d,%d")
                            .with(Excerpt.brief(text), width, height),
                    e);
        }
    }

    /** Whether a pixel is open. */
    public boolean at(int x, int y) {
        return open[y * width + x];
    }

    /** How many pixels are open. */
    public int count() {
        int count = 0;
        for (boolean each : open) {
            count += each ? 1 : 0;
        }
        return count;
    }

    /**
     * How far each open pixel lies from the nearest one that isn't, in steps to any of the eight neighbours: 1 at the edge of
     * the mask, 0 outside it. Beyond the picture's edge there is nothing to be near to.
     */
    public int[] depths() {
        int far = width + height;
        int[] depth = new int[open.length];
        for (int i = 0; i < open.length; i++) {
            depth[i] = open[i] ? far : 0;
        }
        for (int pass = 0; pass < 2; pass++) { // down and to the right, then back
            int step = pass == 0 ? 1 : -1;
            for (int i = pass == 0 ? 0 : open.length - 1; i >= 0 && i < open.length; i += step) {
                for (int[] near : BEFORE) {
                    int x = i % width + step * near[0];
                    int y = i / width + step * near[1];
                    if (x >= 0 && x < width && y >= 0 && y < height) {
                        depth[i] = Math.min(depth[i], depth[y * width + x] + 1);
                    }
                }
            }
        }
        return depth;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Mask that
                && width == that.width
                && height == that.height
                && Arrays.equals(open, that.open);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * width + height) + Arrays.hashCode(open);
    }

    @Override
    public String toString() {
        return Phrase.of("Mask[%d x %d]").with(width, height);
    }
}
