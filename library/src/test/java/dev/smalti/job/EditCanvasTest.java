package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.data.Mask;
import dev.smalti.data.Pixels;
import dev.smalti.run.JobException;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class EditCanvasTest {
    private static final Mask CORNER = Mask.rectangle(6, 4, 0, 0, 3, 2);

    @Test
    void keeps_every_byte_outside_and_takes_what_is_drawn_inside() {
        Pixels image = numbered(6, 4);
        EditCanvas canvas = EditCanvas.of(image, CORNER, Extension.NONE, 0);
        Pixels result = canvas.with(plain(6, 4, 200));
        for (int i = 0; i < image.rgb().length; i++) {
            boolean open = CORNER.open()[i / 3];
            assertThat(result.rgb()[i]).isEqualTo(open ? (byte) 200 : image.rgb()[i]);
        }
    }

    @Test
    void passes_from_the_image_to_what_is_drawn_inside_the_mask_alone() {
        EditCanvas canvas = EditCanvas.of(plain(8, 1, 100), Mask.rectangle(8, 1, 0, 0, 6, 1), Extension.NONE, 2);
        byte[] rgb = canvas.with(plain(8, 1, 160)).rgb();
        int[] reds = new int[8];
        for (int x = 0; x < 8; x++) {
            reds[x] = rgb[3 * x] & 255;
        }
        assertThat(reds).containsExactly(160, 160, 160, 160, 140, 120, 100, 100); // a third and two thirds of the way
    }

    @Test
    void draws_the_middle_of_a_narrow_mask_wholly() {
        EditCanvas canvas = EditCanvas.of(plain(5, 1, 0), Mask.rectangle(5, 1, 1, 0, 3, 1), Extension.NONE, 9);
        byte[] rgb = canvas.with(plain(5, 1, 100)).rgb();
        assertThat(new int[] {rgb[0], rgb[3], rgb[6], rgb[9], rgb[12]}).containsExactly(0, 50, 100, 50, 0);
        EditCanvas all = EditCanvas.of(plain(5, 1, 0), Mask.rectangle(5, 1, 0, 0, 5, 1), Extension.NONE, 3);
        assertThat(all.with(plain(5, 1, 100))).isEqualTo(plain(5, 1, 100));
    }

    @Test
    void opens_the_tokens_that_the_mask_touches() {
        Mask mask = Mask.rectangle(8, 8, 3, 4, 2, 1); // the last column of one square and the first of the next
        EditCanvas canvas = EditCanvas.of(plain(8, 8, 0), mask, Extension.NONE, 0);
        assertThat(canvas.tokens(4)).containsExactly(false, false, true, true);
        assertThat(canvas.tokens(8)).containsExactly(true);
        assertThat(canvas.tokens(1)).isEqualTo(mask.open());
    }

    @Test
    void lays_the_image_where_the_extension_leaves_it() {
        Pixels image = numbered(6, 4);
        EditCanvas canvas = EditCanvas.of(image, CORNER, new Extension(4, 2, 2, 6), 0);
        assertThat(canvas.picture().width()).isEqualTo(12);
        assertThat(canvas.picture().height()).isEqualTo(12);
        Pixels result = canvas.with(plain(12, 12, 99));
        for (int y = 0; y < 12; y++) {
            for (int x = 0; x < 12; x++) {
                boolean inside = x >= 4 && x < 10 && y >= 2 && y < 6;
                boolean kept = inside && !CORNER.at(x - 4, y - 2);
                int at = 3 * (y * 12 + x);
                assertThat(canvas.open().at(x, y)).isEqualTo(!kept);
                assertThat(canvas.added().at(x, y)).isEqualTo(!inside);
                byte[] expected = !kept
                        ? new byte[] {99, 99, 99}
                        : Arrays.copyOfRange(image.rgb(), 3 * ((y - 2) * 6 + x - 4), 3 * ((y - 2) * 6 + x - 4) + 3);
                assertThat(Arrays.copyOfRange(result.rgb(), at, at + 3)).isEqualTo(expected);
            }
        }
        boolean[] tokens = new boolean[36];
        Arrays.fill(tokens, true);
        for (int kept : new int[] {10, 14, 15, 16}) { // of the image's 3 x 2 squares two have something of the corner
            tokens[kept] = false;
        }
        assertThat(canvas.tokens(2)).isEqualTo(tokens);
    }

    @Test
    void mirrors_the_image_beyond_its_edges() {
        EditCanvas canvas = EditCanvas.of(numbered(2, 1), null, new Extension(3, 4, 0, 1), 0);
        int[] first = new int[9];
        for (int x = 0; x < 9; x++) {
            first[x] = canvas.picture().rgb()[3 * x] / 3;
            assertThat(canvas.picture().rgb()[3 * (9 + x)] / 3).isEqualTo(first[x]);
        }
        assertThat(first).containsExactly(1, 1, 0, 0, 1, 1, 0, 0, 1);
    }

    @Test
    void shows_what_is_open_and_leaves_white_what_was_added() {
        EditCanvas canvas =
                EditCanvas.of(plain(2, 1, 10), Mask.rectangle(2, 1, 0, 0, 1, 1), new Extension(1, 0, 0, 0), 0);
        assertThat(canvas.input().rgb()).containsExactly(-1, -1, -1, 10, 10, 10, 10, 10, 10);
        assertThat(canvas.overlay().rgb()).containsExactly((byte) 255, 127, (byte) 207, (byte) 132, 5, 85, 10, 10, 10);
    }

    @Test
    void reads_how_much_is_added_at_each_side() {
        assertThat(Extension.parse("left=64,bottom=32")).isEqualTo(new Extension(64, 0, 0, 32));
        assertThat(Extension.parse(" top=8 , right=16")).isEqualTo(new Extension(0, 16, 8, 0));
        refused("left", "SIDE=PIXELS");
        refused("left=", "SIDE=PIXELS");
        refused("left=-8", "SIDE=PIXELS");
        refused("left=8px", "got left=8px");
        refused("", "SIDE=PIXELS");
        refused("letf=8", "left, right, top, bottom", "did you mean left?");
        refused("left=8,left=8", "each side once");
        refused("left=99999999", "65536", "99999999");
    }

    private static void refused(String text, String... words) {
        assertThatThrownBy(() -> Extension.parse(text))
                .isInstanceOf(JobException.class)
                .message()
                .contains(words);
    }

    private static Pixels plain(int width, int height, int value) {
        byte[] rgb = new byte[3 * width * height];
        Arrays.fill(rgb, (byte) value);
        return new Pixels(width, height, rgb);
    }

    /** Bytes 0, 1, 2 and so on. */
    private static Pixels numbered(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        for (int i = 0; i < rgb.length; i++) {
            rgb[i] = (byte) i;
        }
        return new Pixels(width, height, rgb);
    }
}
