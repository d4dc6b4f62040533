package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MaskTest {
    @Test
    void opens_the_transparent_parts_whatever_their_colour() {
        BufferedImage image = new BufferedImage(4, 3, BufferedImage.TYPE_INT_ARGB);
        for (int y = 0; y < 3; y++) {
            for (int x = 0; x < 4; x++) {
                image.setRGB(x, y, x == 2 && y == 1 ? 0x00ff0000 : 0xffffffff);
            }
        }
        Mask mask = Mask.decode(Samples.encode(image, "png"), "mask.png");
        assertThat(mask).isEqualTo(Mask.rectangle(4, 3, 2, 1, 1, 1));
        assertThat(mask.count()).isEqualTo(1);
        assertThat(mask.at(2, 1)).isTrue();
    }

    @Test
    void opens_the_transparent_entry_of_a_palette() {
        byte[] black = {0, 0};
        IndexColorModel colors = new IndexColorModel(1, 2, black, black, black, 1);
        BufferedImage image = new BufferedImage(8, 2, BufferedImage.TYPE_BYTE_BINARY, colors);
        image.getRaster().setSample(7, 0, 0, 1);
        assertThat(Mask.decode(Samples.encode(image, "png"), "mask.png")).isEqualTo(Mask.rectangle(8, 2, 7, 0, 1, 1));
    }

    @Test
    void opens_white_where_all_is_opaque() {
        for (int type : new int[] {
            BufferedImage.TYPE_INT_ARGB,
            BufferedImage.TYPE_INT_RGB,
            BufferedImage.TYPE_BYTE_GRAY,
            BufferedImage.TYPE_BYTE_BINARY
        }) {
            BufferedImage image = new BufferedImage(8, 8, type);
            for (int y = 0; y < 8; y++) {
                for (int x = 0; x < 8; x++) {
                    image.setRGB(x, y, x < 4 ? 0xff000000 : 0xffffffff);
                }
            }
            assertThat(Mask.decode(Samples.encode(image, "png"), "mask.png"))
                    .as("type " + type)
                    .isEqualTo(Mask.rectangle(8, 8, 4, 0, 4, 8));
        }
        byte[] jpeg = Samples.encode(Samples.plain(8, 8, 250, 250, 250), "jpg");
        assertThat(Mask.decode(jpeg, "mask.jpg").count()).isEqualTo(64);
    }

    @Test
    void refuses_a_picture_in_colours() {
        byte[] png = Samples.encode(Samples.plain(3, 2, 200, 30, 31), "png");
        assertThatThrownBy(() -> Mask.decode(png, "mask.png"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("mask.png must have transparent parts, or be black and white")
                .hasMessageContaining("0,0 is #c81e1f");
    }

    @Test
    void refuses_rectangles_that_are_empty_or_lie_outside() {
        assertThat(Mask.rectangle(5, 4, 0, 0, 5, 4).count()).isEqualTo(20);
        int[][] bad = {
            {-1, 0, 2, 2}, {0, -1, 2, 2}, {0, 0, 0, 2}, {0, 0, 2, 0}, {4, 0, 2, 1}, {0, 3, 1, 2}, {1, 1, 1 << 30, 1}
        };
        for (int[] each : bad) {
            assertThatThrownBy(() -> Mask.rectangle(5, 4, each[0], each[1], each[2], each[3]))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("inside 0,0,5,4")
                    .hasMessageContaining("%d,%d,%d,%d".formatted(each[0], each[1], each[2], each[3]));
        }
    }

    @Test
    void measures_how_deep_pixels_lie_as_a_search_does_seed_5() {
        Random random = new Random(5);
        for (int round = 0; round < 20; round++) {
            boolean[] open = new boolean[9 * 7];
            for (int i = 0; i < open.length; i++) {
                open[i] = random.nextInt(10) > 0;
            }
            open[random.nextInt(open.length)] = false;
            Mask mask = new Mask(9, 7, open);
            int[] depths = mask.depths();
            for (int i = 0; i < open.length; i++) {
                int nearest = Integer.MAX_VALUE;
                for (int j = 0; j < open.length; j++) {
                    if (!open[j]) {
                        nearest = Math.min(nearest, Math.max(Math.abs(i % 9 - j % 9), Math.abs(i / 9 - j / 9)));
                    }
                }
                assertThat(depths[i]).isEqualTo(nearest);
            }
        }
    }

    @Test
    void is_read_from_text_where_that_is_a_rectangle_inside_the_picture() {
        assertThat(Mask.rectangle(9, 7, " 1, 2,3,4 ")).isEqualTo(Mask.rectangle(9, 7, 1, 2, 3, 4));
        assertThat(Mask.isRectangle("1,2,3,4")).isTrue();
        assertThat(Mask.isRectangle("1,2,3.png")).isFalse();
        assertThatThrownBy(() -> Mask.rectangle(9, 7, "1,2,3")).hasMessageContaining("1,2,3 must be a rectangle x,y,");
        for (String outside : List.of("-1,0,2,2", "0,0,0,2", "8,0,2,2", "0,0,999999999,1")) {
            assertThatThrownBy(() -> Mask.rectangle(9, 7, outside))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll(outside, "inside the image, which is 0,0,9,7");
        }
    }

    @Test
    void follows_the_picture_into_its_square() {
        Preparation half = new Preparation(8, Crop.CENTER, false);
        Mask dot = Mask.rectangle(32, 16, 17, 5, 1, 1); // of 32 x 16, the middle 16 x 16 become 8 x 8
        assertThat(half.apply(dot, new SplittableRandom(0))).isEqualTo(Mask.rectangle(8, 8, 4, 2, 1, 1));
        Mask two = Mask.rectangle(32, 16, 15, 7, 2, 2); // half of each of four pixels
        assertThat(half.apply(two, new SplittableRandom(0))).isEqualTo(Mask.rectangle(8, 8, 3, 3, 2, 2));
        Mask aside = Mask.rectangle(32, 16, 0, 0, 8, 16);
        assertThat(half.apply(aside, new SplittableRandom(0)).count()).isZero();
        Mask squashed = new Preparation(8, Crop.NONE, false).apply(aside, new SplittableRandom(0));
        assertThat(squashed).isEqualTo(Mask.rectangle(8, 8, 0, 0, 2, 8));
        Mask grown = new Preparation(16, Crop.CENTER, false)
                .apply(Mask.rectangle(8, 8, 1, 2, 1, 1), new SplittableRandom(0));
        assertThat(grown).isEqualTo(Mask.rectangle(16, 16, 2, 4, 2, 2));
    }

    @Test
    void is_mirrored_and_cropped_with_its_picture() {
        Preparation random = new Preparation(16, Crop.RANDOM, true);
        for (int seed = 0; seed < 20; seed++) {
            byte[] rgb = new byte[3 * 40 * 16];
            for (int i = 0; i < rgb.length; i++) {
                rgb[i] = (byte) (i / 3 % 40 == 17 ? 255 : 0);
            }
            byte[] square = random.apply(new Pixels(40, 16, rgb), new SplittableRandom(seed));
            Mask mask = random.apply(Mask.rectangle(40, 16, 17, 0, 1, 16), new SplittableRandom(seed));
            for (int i = 0; i < 16 * 16; i++) {
                assertThat(mask.open()[i]).isEqualTo(square[3 * i] != 0);
            }
        }
    }
}
