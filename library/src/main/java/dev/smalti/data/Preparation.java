package dev.smalti.data;

import java.util.SplittableRandom;

/**
 * How pictures become equal squares: the shorter side is resized to {@code size} (see {@link Resize}), a part of the
 * longer one is kept, and half of the pictures are mirrored if {@code flip} says so.
 *
 * @param size a power of two, at least 8
 */
public record Preparation(int size, Crop crop, boolean flip) {
    /** @throws IllegalArgumentException naming the size that is none */
    public Preparation {
        if (size < 8 || Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("image size must be a power of two, at least 8, got " + size);
        }
    }

    /** A picture -> {@code size * size * 3} bytes of RGB. What is random comes from {@code random} alone. */
    public byte[] apply(Pixels image, SplittableRandom random) {
        double ratio = (double) Math.min(image.width(), image.height()) / size;
        int width = crop == Crop.NONE ? size : Math.max(size, (int) Math.round(image.width() / ratio));
        int height = crop == Crop.NONE ? size : Math.max(size, (int) Math.round(image.height() / ratio));
        int left = crop == Crop.RANDOM ? random.nextInt(width - size + 1) : (width - size) / 2;
        int top = crop == Crop.RANDOM ? random.nextInt(height - size + 1) : (height - size) / 2;
        boolean mirrored = flip && random.nextBoolean();
        byte[] rgb = Resize.window(image, width, height, left, top, size);
        if (mirrored) {
            mirror(rgb);
        }
        return rgb;
    }

    private void mirror(byte[] rgb) {
        for (int y = 0; y < size; y++) {
            int left = 3 * y * size;
            int right = left + 3 * (size - 1);
            for (; left < right; left += 3, right -= 3) {
                for (int c = 0; c < 3; c++) {
                    byte kept = rgb[left + c];
                    rgb[left + c] = rgb[right + c];
                    rgb[right + c] = kept;
                }
            }
        }
    }
}
