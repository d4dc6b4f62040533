package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Seed;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferUShort;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.DeflaterOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds for all formats: screens, profiles, and that no file takes more than it is worth. */
class ImageDecoderTest {
    @Test
    void puts_the_first_frame_of_a_gif_on_its_screen() {
        Pixels frame = Samples.plain(30, 20, 255, 0, 0);
        byte[] file = gif(frame, 64, 64, 20, 30);

        Pixels image = Pixels.decode(file, "a");

        assertThat(image).isEqualTo(new Picture(frame, null).on(64, 64, 20, 30).pixels());
        assertThat(Samples.green(image, 0, 0)).isEqualTo(255);
        assertThat(Samples.green(image, 20, 30)).isZero();
        assertThat(Samples.green(image, 50, 49)).isEqualTo(255);
    }

    @Test
    void widens_a_screen_that_the_first_frame_reaches_beyond() {
        assertThat(Pixels.decode(gif(Samples.plain(30, 20, 0, 0, 0), 0, 0, 0, 0), "a"))
                .isEqualTo(Samples.plain(30, 20, 0, 0, 0));
        assertThat(Pixels.decode(gif(Samples.plain(30, 20, 0, 0, 0), 40, 10, 20, 5), "a"))
                .hasToString("Pixels[50 x 25]");
    }

    @Test
    void refuses_a_screen_of_more_than_100_megapixels() {
        assertThatThrownBy(() -> Pixels.decode(gif(Samples.plain(30, 20, 0, 0, 0), 65_535, 65_535, 0, 0), "a.gif"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("65,535 x 65,535");
    }

    @Test
    void ignores_profiles_in_jpegs_and_pngs_of_all_kinds() throws IOException {
        BufferedImage grey = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_GRAY);
        BufferedImage deep = new BufferedImage(8, 8, BufferedImage.TYPE_USHORT_GRAY);
        BufferedImage palette = new BufferedImage(8, 8, BufferedImage.TYPE_BYTE_INDEXED);
        BufferedImage transparent = new BufferedImage(8, 8, BufferedImage.TYPE_INT_ARGB);
        for (int i = 0; i < 64; i++) {
            grey.getRaster().setSample(i % 8, i / 8, 0, 2 * i);
            ((DataBufferUShort) deep.getRaster().getDataBuffer()).setElem(i, 1000 * i);
            palette.setRGB(i % 8, i / 8, 0xff804020);
            transparent.setRGB(i % 8, i / 8, 0x80402010 + i);
        }
        BufferedImage color = Samples.gradient(8, 8, 99).toBufferedImage();
        for (BufferedImage image : List.of(grey, deep, palette, transparent, color)) {
            byte[] png = Samples.encode(image, "png");
            assertThat(Pixels.decode(Samples.insert(png, 33, Samples.pngChunk("iCCP", iccp())), "a"))
                    .isEqualTo(Pixels.decode(png, "a"));
        }
        for (BufferedImage image : List.of(grey, color)) {
            byte[] jpeg = Samples.encode(image, "jpg");
            assertThat(Pixels.decode(Samples.insert(jpeg, 20, app2()), "a")).isEqualTo(Pixels.decode(jpeg, "a"));
        }
    }

    @Test
    void ignores_profiles_in_bmps() {
        byte[] plain = bmp(Samples.gradient(8, 8, 99), 32, false);
        byte[] profiled = bmp(Samples.gradient(8, 8, 99), 32, true);

        assertThat(Pixels.decode(plain, "a")).isEqualTo(Samples.gradient(8, 8, 99));
        assertThat(Pixels.decode(profiled, "a")).isEqualTo(Samples.gradient(8, 8, 99));
    }

    @ParameterizedTest
    @ValueSource(strings = {"png", "jpg"})
    void reads_a_picture_that_a_bmp_wraps(String format) {
        byte[] inside = Samples.encode(Samples.gradient(16, 12, 50), format);

        assertThat(Pixels.decode(wrapped(inside, inside.length), "a")).isEqualTo(Pixels.decode(inside, "a"));
    }

    @Test
    void refuses_a_bmp_that_wraps_more_than_the_file_has() {
        byte[] inside = Samples.encode(Samples.gradient(16, 12, 50), "jpg");

        assertThatThrownBy(() -> Pixels.decode(wrapped(inside, 2_046_820_532), "a.bmp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.bmp is broken")
                .hasMessageContaining("it wraps a picture of 2,046,820,532 bytes");
        assertThatThrownBy(() -> Pixels.decode(wrapped(wrapped(inside, inside.length), inside.length), "a.bmp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("neither a JPEG nor a PNG");
    }

    @Test
    void refuses_headers_that_declare_more_pixels_than_the_bytes_can_be() {
        byte[] bmp = bmp(Samples.gradient(8, 8, 99), 32, false);
        ByteBuffer.wrap(bmp).order(ByteOrder.LITTLE_ENDIAN).putInt(18, 10_000).putInt(22, 10_000);
        byte[] png = Samples.encode(Samples.gradient(8, 8, 99), "png");
        ByteBuffer.wrap(png).putInt(16, 10_000).putInt(20, 10_000).putInt(29, Samples.crc(png, 12, 17));
        byte[] jpeg = resized(Samples.encode(Samples.gradient(8, 8, 99), "jpg"), 10_000, 10_000);

        for (byte[] file : List.of(bmp, png, jpeg, jpegOfInks(10_000, 10_000))) {
            assertThatThrownBy(() -> Pixels.decode(file, "a"))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("10,000 x 10,000 pixels need")
                    .hasMessageContaining("bytes");
        }
    }

    /** The bytes are there, so that they aren't what is missing. */
    @Test
    void refuses_more_scans_of_many_pixels_than_anybody_makes() throws Exception {
        byte[] few = resized(Samples.progressiveJpeg(Samples.gradient(16, 16, 7)), 2000, 1000);
        ByteBuffer scans = ByteBuffer.allocate(10 * 1001 + 5000);
        for (int i = 0; i < 1001; i++) {
            scans.putShort((short) 0xffda).putShort((short) 8).put(new byte[] {1, 1, 0, 1, 63, 0});
        }
        byte[] many = Samples.insert(few, few.length - 2, scans.array());

        assertThatThrownBy(() -> Pixels.decode(many, "a.jpg"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("2,000 x 1,000 pixels may have 1,000 scans, it has 1,011");
    }

    @Test
    void tells_errors_of_decoders_as_broken_pictures_cut_to_a_line() {
        assertThatThrownBy(() -> ImageDecoder.guarded("a.png", "PNG", () -> {
                    throw new StackOverflowError();
                }))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.png is broken")
                .hasMessageContaining("StackOverflowError");
        assertThatThrownBy(() -> ImageDecoder.guarded("a.png", "PNG", () -> {
                    throw new OutOfMemoryError("Java heap space");
                }))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.png needs more memory");
        assertThatThrownBy(() -> ImageDecoder.guarded("a.png", "PNG", () -> {
                    throw new IllegalArgumentException("x".repeat(100_000));
                }))
                .isInstanceOf(DataException.class)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(350));
    }

    @Test
    void leaves_hostile_pictures_out_where_bad_ones_are_skipped(@TempDir Path folder) throws Exception {
        byte[] inside = Samples.encode(Samples.gradient(16, 12, 50), "jpg");
        Files.write(folder.resolve("a.bmp"), wrapped(inside, 2_046_820_532));
        Files.write(folder.resolve("b.jpg"), jpegOfInks(10_000, 10_000));
        Files.write(folder.resolve("c.jpg"), inside);
        Preparation preparation = new Preparation(8, Crop.CENTER, false);
        Seed[] seeds = {new Seed(0), new Seed(1), new Seed(2)};
        try (ImageSet set = ImageSet.open(folder);
                Loader loader = new Loader(set, preparation, 3, true, 2)) {
            Loader.Loaded loaded =
                    loader.start(new int[] {0, 1, 2}, seeds, false).await();
            assertThat(loaded.good()).containsExactly(false, false, true);
            assertThat(loader.skipped()).isEqualTo(2);
        }
    }

    private static byte[] gif(Pixels frame, int width, int height, int left, int top) {
        byte[] file = Samples.encode(frame, "gif");
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putShort(6, (short) width).putShort(8, (short) height);
        int at = 13 + ((file[10] & 0x80) == 0 ? 0 : 3 << (file[10] & 7) + 1);
        while (file[at] == 0x21) {
            at += 2;
            while (file[at] != 0) {
                at += 1 + (file[at] & 255);
            }
            at++;
        }
        bytes.putShort(at + 1, (short) left).putShort(at + 3, (short) top);
        return file;
    }

    private static byte[] iccp() throws IOException {
        ByteArrayOutputStream chunk = new ByteArrayOutputStream();
        try (DeflaterOutputStream data = new DeflaterOutputStream(chunk)) {
            chunk.write(new byte[] {'a', 0, 0}); // name, end, way of packing
            data.write(Samples.linearProfile());
        }
        return chunk.toByteArray();
    }

    private static byte[] app2() {
        byte[] profile = Samples.linearProfile();
        ByteBuffer segment = ByteBuffer.allocate(18 + profile.length).putShort((short) 0xffe2);
        segment.putShort((short) (16 + profile.length));
        return segment.put("ICC_PROFILE\0\1\1".getBytes(StandardCharsets.US_ASCII))
                .put(profile)
                .array();
    }

    /** With the latest header, its colours by masks; a profile is linear light. */
    private static byte[] bmp(Pixels image, int bits, boolean profile) {
        byte[] colors = profile ? Samples.linearProfile() : new byte[0];
        int pixels = image.width() * image.height();
        ByteBuffer file =
                ByteBuffer.allocate(14 + 124 + 4 * pixels + colors.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 'B').put((byte) 'M').putInt(file.capacity()).putInt(0).putInt(138);
        file.putInt(124)
                .putInt(image.width())
                .putInt(-image.height())
                .putShort((short) 1)
                .putShort((short) bits);
        file.putInt(3).putInt(4 * pixels).putInt(0).putInt(0).putInt(0).putInt(0);
        file.putInt(0xff0000).putInt(0xff00).putInt(0xff).putInt(0);
        file.putInt(profile ? 0x4d424544 : 0x73524742); // 'MBED' or 'sRGB'
        file.position(14 + 108);
        file.putInt(4).putInt(124 + 4 * pixels).putInt(colors.length).putInt(0);
        for (int i = 0; i < pixels; i++) {
            file.put(image.rgb()[3 * i + 2])
                    .put(image.rgb()[3 * i + 1])
                    .put(image.rgb()[3 * i])
                    .put((byte) 0);
        }
        return file.put(colors).array();
    }

    private static byte[] wrapped(byte[] inside, int declared) {
        ByteBuffer file = ByteBuffer.allocate(54 + inside.length).order(ByteOrder.LITTLE_ENDIAN);
        file.put((byte) 'B').put((byte) 'M').putInt(file.capacity()).putInt(0).putInt(54);
        file.putInt(40)
                .putInt(16)
                .putInt(12)
                .putShort((short) 1)
                .putShort((short) 0)
                .putInt(4)
                .putInt(declared);
        file.putInt(0).putInt(0).putInt(0).putInt(0);
        return file.put(inside).array();
    }

    private static byte[] resized(byte[] jpeg, int width, int height) {
        int at = 0;
        while (jpeg[at] != (byte) 0xff || jpeg[at + 1] != (byte) 0xc0 && jpeg[at + 1] != (byte) 0xc2) {
            at++;
        }
        ByteBuffer.wrap(jpeg).putShort(at + 5, (short) height).putShort(at + 7, (short) width);
        return jpeg;
    }

    /** Four components, and nothing coded. */
    private static byte[] jpegOfInks(int width, int height) {
        ByteBuffer file = ByteBuffer.allocate(100);
        file.putShort((short) 0xffd8)
                .putShort((short) 0xffc0)
                .putShort((short) 20)
                .put((byte) 8);
        file.putShort((short) height).putShort((short) width).put((byte) 4);
        for (int i = 1; i <= 4; i++) {
            file.put((byte) i).put((byte) 0x11).put((byte) 0);
        }
        file.putShort((short) 0xffda).putShort((short) 14).put((byte) 4);
        for (int i = 1; i <= 4; i++) {
            file.put((byte) i).put((byte) 0);
        }
        file.put((byte) 0).put((byte) 63).put((byte) 0).putShort((short) 0xffd9);
        return Arrays.copyOf(file.array(), file.position());
    }
}
