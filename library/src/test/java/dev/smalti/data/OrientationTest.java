package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class OrientationTest {
    /** 2 x 2 without loss: red, green, blue, white. */
    private static final Pixels CORNERS = new Pixels(2, 2, new byte[] {-1, 0, 0, 0, -1, 0, 0, 0, -1, -1, -1, -1});

    /** The number of the stored corner that is seen at the top left, top right, bottom left and bottom right. */
    private static final String[] SEEN = {"", "0123", "1032", "3210", "2301", "0213", "2031", "3120", "1302"};

    @Test
    void turns_pictures_as_the_standard_draws_them() {
        for (int value = 1; value <= 8; value++) {
            byte[] png = png(CORNERS, exif(value, ByteOrder.BIG_ENDIAN));

            Pixels seen = Pixels.decode(png, "a");

            for (int corner = 0; corner < 4; corner++) {
                int from = 3 * (SEEN[value].charAt(corner) - '0');
                assertThat(Arrays.copyOfRange(seen.rgb(), 3 * corner, 3 * corner + 3))
                        .as("orientation %d, corner %d", value, corner)
                        .containsExactly(Arrays.copyOfRange(CORNERS.rgb(), from, from + 3));
            }
        }
    }

    @Test
    void turns_all_formats_that_carry_an_orientation_alike() {
        Pixels image = Samples.gradient(24, 16, 60);
        byte[] jpeg = Samples.encode(image, "jpg");
        byte[] lossless = Base64.getDecoder().decode("UklGRiIAAABXRUJQVlA4TBYAAAAvB8ABAA9wHvZT0F6Ie/6DB32I6H8A");
        for (int value = 1; value <= 8; value++) {
            for (ByteOrder order : new ByteOrder[] {ByteOrder.BIG_ENDIAN, ByteOrder.LITTLE_ENDIAN}) {
                byte[] exif = exif(value, order);
                assertThat(Pixels.decode(png(image, exif), "a")).isEqualTo(upright(image, value));
                assertThat(Pixels.decode(jpeg(jpeg, exif), "a")).isEqualTo(upright(Pixels.decode(jpeg, "a"), value));
                assertThat(Pixels.decode(webp(lossless, exif), "a"))
                        .isEqualTo(upright(Pixels.decode(lossless, "a"), value));
            }
        }
    }

    private static Pixels upright(Pixels image, int value) {
        return new Picture(image, null).upright(new Orientation(value)).pixels();
    }

    @Test
    void turns_masks_as_the_pictures_they_are_painted_on() {
        BufferedImage image = new BufferedImage(6, 4, BufferedImage.TYPE_INT_ARGB);
        for (int i = 0; i < 24; i++) {
            image.setRGB(i % 6, i / 6, i % 6 == 0 ? 0 : 0xff000000); // the left column is open
        }
        byte[] file = png(Samples.encode(image, "png"), exif(6, ByteOrder.BIG_ENDIAN));

        assertThat(Mask.decode(file, "a")).isEqualTo(Mask.rectangle(4, 6, 0, 0, 4, 1)); // and lies on top
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 9, 65_535})
    void takes_values_that_mean_nothing_for_upright(int value) {
        assertThat(Pixels.decode(png(CORNERS, exif(value, ByteOrder.BIG_ENDIAN)), "a"))
                .isEqualTo(CORNERS);
    }

    @Test
    void never_refuses_a_picture_for_its_exif_data_seed_1() {
        Random random = new Random(1);
        byte[] whole = exif(6, ByteOrder.LITTLE_ENDIAN);
        for (int round = 0; round < 100; round++) {
            byte[] exif = Arrays.copyOf(whole, random.nextInt(whole.length + 1));
            for (int i = 0; i < 3 && exif.length > 0; i++) {
                exif[random.nextInt(exif.length)] = (byte) random.nextInt();
            }
            Pixels image = Pixels.decode(png(CORNERS, exif), "a");
            assertThat(image.width() * image.height()).isEqualTo(4);
        }
    }

    /** Each of 5,000 entries names the same 60,000 values, and the directory is its own follower. */
    @Test
    void reads_no_entry_twice_however_many_point_at_it() {
        ByteBuffer tiff = ByteBuffer.allocate(64_000).order(ByteOrder.BIG_ENDIAN);
        tiff.putShort((short) 0x4d4d).putShort((short) 42).putInt(8).putShort((short) 5000);
        for (int i = 0; i < 5000; i++) {
            tiff.putShort((short) 0x8769).putShort((short) 3).putInt(30_000).putInt(8);
        }
        tiff.putInt(8);

        assertThat(Orientation.read(tiff.array(), 0, tiff.capacity())).isEqualTo(Orientation.UPRIGHT);
    }

    /** A directory with a name and the orientation. */
    private static byte[] exif(int value, ByteOrder order) {
        ByteBuffer tiff = ByteBuffer.allocate(38).order(order);
        tiff.put((order == ByteOrder.BIG_ENDIAN ? "MM" : "II").getBytes(StandardCharsets.US_ASCII));
        tiff.putShort((short) 42).putInt(8).putShort((short) 2);
        tiff.putShort((short) 0x010f).putShort((short) 2).putInt(4).putInt(0x61626300); // who made it
        tiff.putShort((short) 0x0112).putShort((short) 3).putInt(1).putShort((short) value);
        return tiff.array();
    }

    private static byte[] png(Pixels image, byte[] exif) {
        return png(Samples.encode(image, "png"), exif);
    }

    private static byte[] png(byte[] png, byte[] exif) {
        return Samples.insert(png, 33, Samples.pngChunk("eXIf", exif));
    }

    private static byte[] jpeg(byte[] jpeg, byte[] exif) {
        ByteBuffer segment = ByteBuffer.allocate(10 + exif.length).putShort((short) 0xffe1);
        segment.putShort((short) (8 + exif.length));
        segment.put("Exif\0\0".getBytes(StandardCharsets.US_ASCII)).put(exif);
        return Samples.insert(jpeg, 2, segment.array());
    }

    private static byte[] webp(byte[] still, byte[] exif) {
        ByteArrayOutputStream pixels = new ByteArrayOutputStream();
        pixels.write(still, 12, still.length - 12);
        byte[] header = {8, 0, 0, 0, 7, 0, 0, 7, 0, 0}; // of 8 x 8 with EXIF data
        return WebPTest.riff(WebPTest.chunk("VP8X", header), pixels.toByteArray(), WebPTest.chunk("EXIF", exif));
    }
}
