package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PreparationTest {
    private static final int[] PILLOW = {
        0, 33, 70, 86, 139, 176, 205, 37, 74, 136, 51, 105, 121, 175, 91, 152, 189, 21, 50, 87, 140, 156, 193, 230
    };

    @ParameterizedTest
    @ValueSource(ints = {0, -8, 4, 7})
    void refuses_sizes_below_8(int size) {
        assertThatThrownBy(() -> new Preparation(size, Crop.CENTER, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("image size must be at least 8, got " + size);
    }

    @Test
    void turns_a_fine_checkerboard_into_even_grey() {
        byte[] rgb = new byte[3 * 512 * 384];
        for (int y = 0, i = 0; y < 384; y++) {
            for (int x = 0; x < 512; x++) {
                for (int c = 0; c < 3; c++) {
                    rgb[i++] = (byte) ((x + y) % 2 == 0 ? 255 : 0);
                }
            }
        }
        Pixels small = prepare(new Pixels(512, 384, rgb), 32, Crop.CENTER);

        for (byte value : small.rgb()) {
            assertThat(value & 255).isBetween(126, 129);
        }
    }

    @Test
    void keeps_a_picture_of_the_right_size() {
        Pixels image = Samples.gradient(16, 16, 5);

        assertThat(prepare(image, 16, Crop.CENTER)).isEqualTo(image);
        assertThat(prepare(image, 16, Crop.NONE)).isEqualTo(image);
    }

    @Test
    void keeps_the_middle_of_the_longer_side() {
        Pixels wide = prepare(Samples.gradient(64, 16, 0), 16, Crop.CENTER);
        Pixels tall = prepare(Samples.gradient(16, 64, 0), 16, Crop.CENTER);

        assertThat(Samples.red(wide, 0, 0)).isEqualTo(255 * 24 / 63);
        assertThat(Samples.red(wide, 15, 0)).isEqualTo(255 * 39 / 63);
        assertThat(Samples.green(tall, 0, 0)).isEqualTo(255 * 24 / 63);
        assertThat(Samples.green(tall, 0, 15)).isEqualTo(255 * 39 / 63);
    }

    @Test
    void squashes_without_cropping() {
        Pixels square = prepare(Samples.gradient(64, 16, 0), 16, Crop.NONE);

        assertThat(Samples.red(square, 0, 0)).isBetween(2, 10);
        assertThat(Samples.red(square, 15, 0)).isBetween(245, 253);
    }

    @Test
    void computes_a_window_as_the_whole_picture_resized_has_it() {
        Pixels image = Samples.gradient(90, 50, 33);
        byte[] whole = Resize.window(image, 58, 58, 0, 0, 58);
        byte[] window = Resize.window(image, 58, 58, 20, 11, 16);

        for (int y = 0; y < 16; y++) {
            for (int x = 0; x < 48; x++) {
                assertThat(window[y * 48 + x]).isEqualTo(whole[(y + 11) * 174 + 60 + x]);
            }
        }
    }

    @Test
    void resizes_like_pillow() {
        // Image.fromarray((numpy.arange(7 * 5 * 3) * 37 % 256).astype('uint8').reshape(5, 7, 3)).resize((8, 8),
        // BICUBIC)
        byte[] rgb = new byte[7 * 5 * 3];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) (i * 37 % 256);
        }

        byte[] large = Resize.window(new Pixels(7, 5, rgb), 8, 8, 0, 0, 8);

        assertThat(firstRow(large)).containsExactly(PILLOW);
    }

    @ParameterizedTest
    @EnumSource(Crop.class)
    void enlarges_small_and_thin_pictures(Crop crop) {
        assertThat(prepare(Samples.plain(1, 1, 9, 8, 7), 8, crop)).isEqualTo(Samples.plain(8, 8, 9, 8, 7));
        assertThat(prepare(Samples.plain(3, 200, 9, 8, 7), 8, crop)).isEqualTo(Samples.plain(8, 8, 9, 8, 7));
    }

    @Test
    void crops_everywhere_and_flips_half_of_the_time() {
        Preparation preparation = new Preparation(8, Crop.RANDOM, true);
        Pixels image = Samples.gradient(11, 8, 0);
        SplittableRandom random = new SplittableRandom(3);
        Set<Integer> corners = new HashSet<>();
        int flipped = 0;
        for (int i = 0; i < 400; i++) {
            Pixels prepared = new Pixels(8, 8, preparation.apply(image, random));
            int left = Samples.red(prepared, 0, 0);
            int right = Samples.red(prepared, 7, 0);
            corners.add(Math.min(left, right));
            flipped += left > right ? 1 : 0;
        }

        assertThat(corners).containsExactlyInAnyOrder(0, 255 / 10, 255 * 2 / 10, 255 * 3 / 10);
        assertThat(flipped).isBetween(160, 240); // four standard deviations
    }

    @Test
    void mirrors_without_changing_colours() {
        Preparation preparation = new Preparation(8, Crop.NONE, true);
        Pixels image = Samples.gradient(8, 8, 50);
        SplittableRandom flips = new SplittableRandom(0);
        Pixels first = new Pixels(8, 8, preparation.apply(image, flips));
        while (first.equals(image)) {
            first = new Pixels(8, 8, preparation.apply(image, flips));
        }

        for (int y = 0; y < 8; y++) {
            for (int x = 0; x < 8; x++) {
                assertThat(Samples.red(first, x, y)).isEqualTo(Samples.red(image, 7 - x, y));
                assertThat(Samples.green(first, x, y)).isEqualTo(Samples.green(image, x, y));
                assertThat(Samples.blue(first, x, y)).isEqualTo(50);
            }
        }
    }

    private static Pixels prepare(Pixels image, int size, Crop crop) {
        return new Pixels(size, size, new Preparation(size, crop, false).apply(image, new SplittableRandom(1)));
    }

    private static int[] firstRow(byte[] rgb) {
        int[] row = new int[24];
        for (int i = 0; i < row.length; i++) {
            row[i] = rgb[i] & 255;
        }
        return row;
    }
}
