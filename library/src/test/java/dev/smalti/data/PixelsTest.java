package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PixelsTest {
    /** 8 x 8, left half (200, 40, 30), right half (20, 60, 220), as an Adobe CMYK JPEG. */
    private static final String CMYK = """
        /9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAIBgYHBgUIBwcHCQkICgwUDQwLCwwZEhMPFB0aHx4dGhwcICQuJyAiLCMcHCg3KSwwMTQ0
        NB8nOT04MjwuMzQy/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIB
        AwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZH
        SElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV
        1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwDN+Nv/ADAv+3j/ANp15jZ/x/hTPgZ/zHv+3f8A9qV7/X//
        2Q==\
        """;

    /** The same picture as WebP: without loss, with loss, and with the first four pixels transparent. */
    private static final String WEBP = "UklGRiIAAABXRUJQVlA4TBYAAAAvB8ABAA9wHvZT0F6Ie/6DB32I6H8A";

    private static final String WEBP_LOSSY =
            "UklGRlAAAABXRUJQVlA4IEQAAACQAgCdASoIAAgAAUAmJagCdLoBQAPwArv/cAAXAAD+9NL4f34r7z//Y4aGLf/dgtpIYHs/7+/8"
                    + "odhwb8GrwBhnr3RAAA==";

    private static final String WEBP_ALPHA =
            "UklGRjoAAABXRUJQVlA4TC0AAAAvB8ABEBcgEEgC259mIIFAEsT+FAMKBJLY9kcYZv4D6h8IBAiTJo1aiOh/YAMA";

    /** A photograph of 48 x 48 on which readers fail that predict blocks from filtered ones. */
    private static final String WEBP_PHOTOGRAPH = """
        UklGRtIAAABXRUJQVlA4IMYAAADQAwCdASowADAAPzGGuFOuqaWitVVYAdAmCWdoB1wMpxbuI961swAA5D881v/m5fraG2RxmZrW
        v4rnxa1amS7fH9xBqPUCp61z//ZfKy1BXuzxLccgNl4uumUrhT99oWtJxsScHO8CehIDQMbk+z9TUVvjHmofwXXYnny6FJEjkrOy
        Tzr/aHkqITtZfCCprewzvz7Ogm7wcUDdzZMcS7s5Z4Si86aCb7hA3VIZtZe/JnlSCWT1Ly7r38uTd1cRv/Z0/XiwgAA=\
        """;

    @ParameterizedTest
    @ValueSource(strings = {"png", "bmp"})
    void reads_lossless_formats_exactly(String format) {
        Pixels image = Samples.gradient(13, 7, 99);

        assertThat(Pixels.decode(Samples.encode(image, format), "a")).isEqualTo(image);
    }

    @Test
    void reads_jpegs_sequential_and_progressive() throws Exception {
        Pixels image = Samples.gradient(40, 24, 128);

        assertThat(Samples.distance(image, Pixels.decode(Samples.encode(image, "jpg"), "a")))
                .isLessThan(24);
        assertThat(Samples.distance(image, Pixels.decode(Samples.progressiveJpeg(image), "a")))
                .isLessThan(24);
    }

    @Test
    void reads_jpegs_like_the_reader_of_the_jdk() {
        byte[] file = Samples.encode(Samples.gradient(37, 29, 77), "jpg");

        Pixels image = Pixels.decode(file, "a");

        assertThat(Samples.distance(image, new Pixels(37, 29, throughImageIo(file))))
                .isLessThanOrEqualTo(1);
    }

    @Test
    void keeps_the_values_of_grey_jpegs_and_pngs() {
        BufferedImage grey = new BufferedImage(16, 16, BufferedImage.TYPE_BYTE_GRAY);
        Arrays.fill(bytes(grey), (byte) 100);

        assertThat(Pixels.decode(Samples.encode(grey, "png"), "a")).isEqualTo(Samples.plain(16, 16, 100, 100, 100));
        assertThat(Pixels.decode(Samples.encode(grey, "jpg"), "a")).isEqualTo(Samples.plain(16, 16, 100, 100, 100));
    }

    @Test
    void turns_cmyk_jpegs_into_rgb() {
        Pixels image = Pixels.decode(base64(CMYK), "a");

        assertThat(Samples.red(image, 1, 1)).isBetween(185, 215);
        assertThat(Samples.blue(image, 1, 1)).isBetween(15, 45);
        assertThat(Samples.red(image, 6, 6)).isBetween(5, 35);
        assertThat(Samples.blue(image, 6, 6)).isBetween(205, 235);
    }

    @Test
    void reads_webp_without_and_with_loss() {
        Pixels exact = Pixels.decode(base64(WEBP), "a");
        Pixels lossy = Pixels.decode(base64(WEBP_LOSSY), "a");

        assertThat(Arrays.copyOf(exact.rgb(), 3)).containsExactly(200, 40, 30);
        assertThat(Arrays.copyOfRange(exact.rgb(), 12, 15)).containsExactly(20, 60, 220);
        assertThat(Samples.distance(exact, lossy)).isLessThan(60);
    }

    @Test
    void keeps_the_colours_of_webp_photographs() {
        Pixels image = Pixels.decode(base64(WEBP_PHOTOGRAPH), "a");

        double[] sums = new double[3];
        for (int i = 0; i < image.rgb().length; i++) {
            sums[i % 3] += (image.rgb()[i] & 255) / (48.0 * 48);
        }
        assertThat(sums[0]).isCloseTo(100.8, within(0.1)); // as libwebp has it
        assertThat(sums[1]).isCloseTo(105.8, within(0.1));
        assertThat(sums[2]).isCloseTo(95.3, within(0.1));
    }

    @Test
    void puts_transparent_pictures_on_white() {
        BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_INT_ARGB);
        image.setRGB(0, 0, 0x00102030);
        image.setRGB(1, 0, 0x80ff0000);

        Pixels png = Pixels.decode(Samples.encode(image, "png"), "a");
        Pixels webp = Pixels.decode(base64(WEBP_ALPHA), "a");

        assertThat(png.rgb()).containsExactly(255, 255, 255, 255, 127, 127);
        assertThat(Arrays.copyOf(webp.rgb(), 3)).containsExactly(255, 255, 255);
        assertThat(Arrays.copyOfRange(webp.rgb(), 24, 27)).containsExactly(200, 40, 30);
    }

    @Test
    void puts_grey_with_alpha_on_white() {
        byte[] rows = {0, 0, 0, 100, (byte) 255, 50, (byte) 128}; // filter, then (0, 0), (100, 255), (50, 128)

        Pixels image = Pixels.decode(png(3, 1, 8, 4, rows), "a");

        assertThat(image.rgb()).containsExactly(255, 255, 255, 100, 100, 100, 152, 152, 152);
    }

    @Test
    void rounds_16_bits_to_8() {
        BufferedImage image = new BufferedImage(2, 1, BufferedImage.TYPE_USHORT_GRAY);
        image.getRaster().setSample(0, 0, 0, 65535);
        image.getRaster().setSample(1, 0, 0, 257 * 100 + 129); // nearer to 101

        assertThat(Pixels.decode(Samples.encode(image, "png"), "a").rgb())
                .containsExactly(255, 255, 255, 101, 101, 101);
    }

    @Test
    void reads_palettes_and_single_bits() {
        BufferedImage palette = new BufferedImage(5, 4, BufferedImage.TYPE_BYTE_INDEXED);
        palette.setRGB(3, 2, 0xffcc3366);
        BufferedImage bits = new BufferedImage(5, 4, BufferedImage.TYPE_BYTE_BINARY);
        bits.setRGB(3, 2, 0xffffffff);

        Pixels image = Pixels.decode(Samples.encode(palette, "png"), "a");
        Pixels blackAndWhite = Pixels.decode(Samples.encode(bits, "png"), "a");

        assertThat(Samples.red(image, 3, 2)).isEqualTo(0xcc);
        assertThat(Samples.red(image, 0, 0)).isZero();
        assertThat(Samples.red(blackAndWhite, 3, 2)).isEqualTo(255);
        assertThat(Samples.red(blackAndWhite, 2, 2)).isZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"jpg", "png", "bmp", "gif"})
    void names_the_truncated_file(String format) {
        byte[] file = Samples.encode(Samples.gradient(64, 64, 7), format);

        for (double part : new double[] {0.3, 0.6, 0.9, 0.99}) {
            byte[] cut = Arrays.copyOf(file, (int) (part * file.length));
            assertThatThrownBy(() -> Pixels.decode(cut, "pear/3.jpg in fruits.zip"))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("pear/3.jpg in fruits.zip is broken");
        }
    }

    @Test
    void names_the_truncated_webp() {
        byte[] cut = Arrays.copyOf(base64(WEBP_LOSSY), 70);

        assertThatThrownBy(() -> Pixels.decode(cut, "a.webp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.webp");
    }

    @Test
    void finds_the_jpeg_that_was_cut_but_ends_with_an_end_marker() {
        byte[] cut = Arrays.copyOf(Samples.encode(noise(64, 64), "jpg"), 2500);
        cut[2498] = (byte) 0xff;
        cut[2499] = (byte) 0xd9;

        assertThatThrownBy(() -> Pixels.decode(cut, "a.jpg")).isInstanceOf(DataException.class);
    }

    @Test
    void finds_a_changed_byte_in_a_png() {
        byte[] file = Samples.encode(noise(32, 32), "png");
        file[file.length / 2] ^= 1;

        assertThatThrownBy(() -> Pixels.decode(file, "a.png"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("checksum");
    }

    @Test
    void accepts_bytes_behind_the_end() {
        for (String format : new String[] {"jpg", "png", "gif", "bmp"}) {
            byte[] file = Samples.encode(Samples.gradient(16, 16, 7), format);

            assertThat(Pixels.decode(Arrays.copyOf(file, file.length + 1000), "a"))
                    .isEqualTo(Pixels.decode(file, "a"));
        }
    }

    @Test
    void goes_by_the_contents_and_not_by_the_name() {
        Pixels image = Samples.gradient(8, 8, 0);

        assertThat(Pixels.decode(Samples.encode(image, "png"), "a.jpg")).isEqualTo(image);
        assertThatThrownBy(() -> Pixels.decode("hello, this is text".getBytes(StandardCharsets.UTF_8), "a.png"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.png is not a picture")
                .hasMessageContaining("68 65 6c 6c");
        assertThatThrownBy(() -> Pixels.decode(new byte[0], "a.png")).hasMessageContaining("it is empty");
    }

    @Test
    void refuses_more_than_100_megapixels_before_decoding() {
        byte[] png = png(20_000, 20_000, 8, 0, new byte[10]);
        byte[] jpeg = Samples.encode(Samples.gradient(16, 16, 7), "jpg");
        int frame = indexOf(jpeg, (byte) 0xff, (byte) 0xc0);
        ByteBuffer.wrap(jpeg).putShort(frame + 5, (short) 60_000).putShort(frame + 7, (short) 60_000);

        assertThatThrownBy(() -> Pixels.decode(png, "a.png"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("100,000,000 pixels");
        assertThatThrownBy(() -> Pixels.decode(jpeg, "a.jpg"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("60,000 x 60,000");
    }

    @Test
    void never_throws_anything_else_on_damaged_files() {
        for (String format : new String[] {"jpg", "png", "gif", "bmp"}) {
            byte[] file = Samples.encode(Samples.gradient(24, 24, 7), format);
            for (int at = 0; at < Math.min(300, file.length); at++) {
                byte[] damaged = file.clone();
                damaged[at] ^= (byte) 0xa5;
                try {
                    Pixels.decode(damaged, "a");
                } catch (DataException e) {
                    assertThat(e).hasMessageStartingWith("a is");
                }
            }
        }
    }

    @Test
    void takes_the_first_frame_of_an_animation(@TempDir Path folder) throws Exception {
        Pixels first = Samples.plain(9, 5, 255, 0, 0);
        Pictures.writeGif(folder.resolve("a.gif"), List.of(first, Samples.plain(9, 5, 0, 0, 255)), 100, 100);

        assertThat(Pixels.decode(Files.readAllBytes(folder.resolve("a.gif")), "a"))
                .isEqualTo(first);
    }

    @Test
    void converts_to_and_from_buffered_images() {
        Pixels image = Samples.gradient(6, 5, 40);

        assertThat(Pixels.of(image.toBufferedImage())).isEqualTo(image);
        assertThat(Pixels.of(image.toBufferedImage().getSubimage(2, 1, 3, 2)).rgb())
                .startsWith(image.rgb()[3 * 8], image.rgb()[3 * 8 + 1], image.rgb()[3 * 8 + 2]);
    }

    @Test
    void refuses_arrays_of_another_length() {
        assertThatThrownBy(() -> new Pixels(2, 2, new byte[11]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a 2 x 2 picture needs 12 bytes of RGB, got 11");
    }

    private static Pixels noise(int width, int height) {
        byte[] rgb = new byte[3 * width * height];
        new Random(1).nextBytes(rgb);
        return new Pixels(width, height, rgb);
    }

    private static byte[] throughImageIo(byte[] file) {
        try {
            BufferedImage image = ImageIO.read(new ByteArrayInputStream(file));
            return Pixels.of(image).rgb();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static byte[] bytes(BufferedImage image) {
        return ((DataBufferByte) image.getRaster().getDataBuffer()).getData();
    }

    private static byte[] base64(String text) {
        return Base64.getMimeDecoder().decode(text);
    }

    /** A PNG of one data chunk. */
    private static byte[] png(int width, int height, int bits, int colors, byte[] rows) {
        Deflater deflater = new Deflater();
        deflater.setInput(rows);
        deflater.finish();
        byte[] data = new byte[1000];
        data = Arrays.copyOf(data, deflater.deflate(data));
        deflater.end();
        ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(height);
        header.put((byte) bits).put((byte) colors).put(new byte[3]);
        ByteBuffer file = ByteBuffer.allocate(2000);
        file.put(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'});
        chunk(file, "IHDR", header.array());
        chunk(file, "IDAT", data);
        chunk(file, "IEND", new byte[0]);
        return Arrays.copyOf(file.array(), file.position());
    }

    private static void chunk(ByteBuffer file, String type, byte[] data) {
        CRC32 checksum = new CRC32();
        checksum.update(type.getBytes(StandardCharsets.US_ASCII));
        checksum.update(data);
        file.putInt(data.length).put(type.getBytes(StandardCharsets.US_ASCII)).put(data);
        file.putInt((int) checksum.getValue());
    }

    private static int indexOf(byte[] bytes, byte first, byte second) {
        int at = 0;
        while (bytes[at] != first || bytes[at + 1] != second) {
            at++;
        }
        return at;
    }
}
