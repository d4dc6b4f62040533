package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.luciad.imageio.webp.CompressionType;
import com.luciad.imageio.webp.WebPImageReaderSpi;
import com.luciad.imageio.webp.WebPImageWriterSpi;
import com.luciad.imageio.webp.WebPWriteParam;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.Random;
import javax.imageio.IIOImage;
import javax.imageio.ImageReader;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The reader of WebP against libwebp, whose encoder makes the files. */
class WebPTest {
    /** How many files are compared; {@code -Dsmalti.webp=5000} for more. */
    private static final int FILES = Integer.getInteger("smalti.webp", 150);

    private static ImageWriter writer;
    private static ImageReader reader;

    @BeforeAll
    static void open_libwebp(@TempDir Path folder) throws IOException {
        System.setProperty("com.luciad.imageio.webp.tmpdir", folder.toString());
        writer = new WebPImageWriterSpi().createWriterInstance(null);
        reader = new WebPImageReaderSpi().createReaderInstance(null);
        write(new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB), lossless()); // loads it, while the folder is there
    }

    @Test
    void reads_random_files_as_libwebp_does() throws IOException {
        for (int seed = 0; seed < FILES; seed++) {
            Random random = new Random(seed * 7919L * 104_729);
            byte[] file = write(random(random), parameters(random));

            assertThat(Pixels.decode(file, "a")).as("seed %d", seed).isEqualTo(Pixels.of(throughLibwebp(file)));
        }
    }

    @Test
    void puts_the_first_frame_of_an_animation_on_its_screen() throws IOException {
        for (WebPWriteParam parameters : new WebPWriteParam[] {lossless(), lossy()}) {
            BufferedImage image = random(new Random(3), 30, 20, true, 0);
            byte[] still = write(image, parameters);
            byte[] file = animation(64, 50, 20, 10, still, 30, 20);

            Picture picture = ImageDecoder.decode(file, "a");
            Pixels alone = Pixels.decode(still, "a");

            assertThat(picture.pixels()).hasToString("Pixels[64 x 50]");
            assertThat(picture.pixels())
                    .isEqualTo(new Picture(alone, null).on(64, 50, 20, 10).pixels());
            assertThat(Samples.red(picture.pixels(), 0, 0)).isEqualTo(255);
            assertThat(picture.alpha()[0]).isZero();
        }
    }

    @Test
    void ignores_chunks_that_it_does_not_know_and_profiles() throws IOException {
        byte[] still = write(random(new Random(4), 24, 24, false, 0), lossless());
        byte[] file = extended(
                24, 24, 0x20, chunk("ICCP", Samples.linearProfile()), chunk("what", new byte[7]), pixels(still));

        assertThat(Pixels.decode(file, "a")).isEqualTo(Pixels.decode(still, "a"));
    }

    @Test
    void refuses_files_that_were_cut_off_wherever() throws IOException {
        for (WebPWriteParam parameters : new WebPWriteParam[] {lossless(), lossy()}) {
            byte[] still = write(random(new Random(5), 40, 30, true, 0), parameters);
            for (int length = 12; length < still.length - 1; length += 1 + length / 7) {
                byte[] cut = Arrays.copyOf(still, length);
                assertThatThrownBy(() -> Pixels.decode(cut, "a.webp"))
                        .isInstanceOf(DataException.class)
                        .hasMessageContaining("a.webp is broken");
            }
        }
    }

    /** A writer that was killed may have declared what is there, so that the container is whole and the pixels are not. */
    @Test
    void refuses_pixels_that_were_cut_off_inside_of_a_whole_container() throws IOException {
        byte[] pixels = write(random(new Random(6), 64, 64, false, 0), lossless());
        for (double part : new double[] {0.3, 0.6, 0.9}) {
            byte[] cut = Arrays.copyOfRange(pixels, 20, (int) (20 + part * (pixels.length - 20)));
            byte[] file = riff(chunk("VP8L", cut));

            assertThatThrownBy(() -> Pixels.decode(file, "a.webp")).isInstanceOf(DataException.class);
        }
    }

    /** A changed bit makes a code that never ends of 42 bytes. */
    @Test
    void refuses_a_file_that_would_go_on_for_ever() {
        byte[] file = Base64.getDecoder().decode("UklGRiIAAABXRUJQVlA4TBYAAAAvB8ABAA9wHvZT0F6Ie/6DgAAAAH8A");

        assertThatThrownBy(() -> Pixels.decode(file, "a.webp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.webp is broken");
    }

    @Test
    void refuses_frames_that_do_not_lie_on_their_screen() throws IOException {
        byte[] still = write(random(new Random(7), 30, 20, false, 0), lossy());

        assertThatThrownBy(() -> Pixels.decode(animation(40, 40, 12, 0, still, 30, 20), "a.webp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("30 x 20 doesn't lie on its screen of 40 x 40");
        assertThatThrownBy(() -> Pixels.decode(extended(31, 20, 0, pixels(still)), "a.webp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("30 x 20 doesn't lie on its screen of 31 x 20");
    }

    @Test
    void refuses_more_than_100_megapixels_before_decoding() throws IOException {
        byte[] still = write(random(new Random(8), 30, 20, false, 0), lossy());

        assertThatThrownBy(() -> Pixels.decode(animation(1 << 24, 1 << 24, 0, 0, still, 30, 20), "a.webp"))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("100,000,000 pixels");
    }

    @Test
    void never_throws_anything_else_on_damaged_files() throws IOException {
        for (WebPWriteParam parameters : new WebPWriteParam[] {lossless(), lossy()}) {
            byte[] file = write(random(new Random(9), 24, 24, true, 0), parameters);
            for (int at = 0; at < Math.min(100, file.length); at++) {
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

    /** Photographs, noise, patterns, drawings of few colours, with transparency or not. */
    private static BufferedImage random(Random random) {
        int most = random.nextInt(8) == 0 ? 200 : 48;
        int width = 1 + random.nextInt(most);
        int height = 1 + random.nextInt(most);
        int colors = random.nextInt(3) > 0 ? 0 : 1 + random.nextInt(random.nextBoolean() ? 20 : 300);
        return random(random, width, height, random.nextBoolean(), colors);
    }

    /** @param colors of a drawing, the first transparent; 0 for any */
    private static BufferedImage random(Random random, int width, int height, boolean transparent, int colors) {
        int type = transparent ? BufferedImage.TYPE_INT_ARGB : BufferedImage.TYPE_INT_RGB;
        BufferedImage image = new BufferedImage(width, height, type);
        int[] palette = random.ints(colors).toArray();
        boolean noise = random.nextInt(3) == 0;
        double across = random.nextDouble() * 0.4;
        double down = random.nextDouble() * 0.4;
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                double wave = (Math.sin(x * across) + Math.cos(y * down) + 2) / 4.001;
                int grain = noise ? random.nextInt(60) : 0;
                int red = (int) (wave * 190) + grain;
                int green = (x / 7 + y / 5) % 2 * 190 + grain;
                int blue = (int) (127 + 120 * Math.sin(x * y * across / 20));
                int alpha = (int) Math.min(255, wave * 400);
                int color = alpha << 24 | red << 16 | green << 8 | blue;
                if (colors > 0) {
                    int index = noise ? random.nextInt(colors) : (int) (wave * colors);
                    color = index == 0 ? 0 : palette[index];
                }
                image.setRGB(x, y, color);
            }
        }
        return image;
    }

    private static WebPWriteParam parameters(Random random) {
        WebPWriteParam parameters = random.nextInt(3) == 0 ? lossless() : lossy();
        parameters.setCompressionQuality(random.nextInt(101) / 100f);
        parameters.setMethod(random.nextInt(5));
        parameters.setSegments(1 + random.nextInt(4));
        parameters.setSnsStrength(random.nextInt(101));
        parameters.setFilterStrength(random.nextInt(101));
        parameters.setFilterSharpness(random.nextInt(8));
        parameters.setFilterType(random.nextInt(2));
        parameters.setAlphaCompressionAlgorithm(random.nextInt(2));
        parameters.setAlphaFiltering(random.nextInt(3));
        parameters.setAlphaQuality(random.nextBoolean() ? 100 : random.nextInt(101));
        parameters.setPartitions(random.nextInt(4));
        parameters.setExact(random.nextBoolean());
        return parameters;
    }

    private static WebPWriteParam lossless() {
        return parameters(CompressionType.Lossless);
    }

    private static WebPWriteParam lossy() {
        return parameters(CompressionType.Lossy);
    }

    private static WebPWriteParam parameters(CompressionType type) {
        WebPWriteParam parameters = new WebPWriteParam(Locale.ROOT);
        parameters.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        parameters.setCompressionType(type);
        return parameters;
    }

    private static byte[] write(BufferedImage image, WebPWriteParam parameters) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image, null, null), parameters);
        }
        return bytes.toByteArray();
    }

    private static BufferedImage throughLibwebp(byte[] file) throws IOException {
        reader.setInput(new MemoryCacheImageInputStream(new ByteArrayInputStream(file)), false, true);
        return reader.read(0);
    }

    /** All chunks of a file but the header of the whole. */
    private static byte[] pixels(byte[] still) {
        boolean extended = new String(still, 12, 4, StandardCharsets.US_ASCII).equals("VP8X");
        return Arrays.copyOfRange(still, extended ? 30 : 12, still.length);
    }

    private static byte[] animation(int width, int height, int left, int top, byte[] still, int across, int down) {
        byte[] pixels = pixels(still);
        ByteBuffer frame = ByteBuffer.allocate(16 + pixels.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : new int[] {left / 2, top / 2, across - 1, down - 1, 100}) {
            frame.putShort((short) value).put((byte) (value >> 16));
        }
        frame.put((byte) 0).put(pixels);
        return extended(width, height, 0x12, chunk("ANIM", new byte[6]), chunk("ANMF", frame.array()));
    }

    private static byte[] extended(int width, int height, int flags, byte[]... chunks) {
        ByteBuffer header =
                ByteBuffer.allocate(10).order(ByteOrder.LITTLE_ENDIAN).putInt(flags);
        for (int value : new int[] {width - 1, height - 1}) {
            header.putShort((short) value).put((byte) (value >> 16));
        }
        byte[][] all = new byte[chunks.length + 1][];
        all[0] = chunk("VP8X", header.array());
        System.arraycopy(chunks, 0, all, 1, chunks.length);
        return riff(all);
    }

    static byte[] riff(byte[]... chunks) {
        int length = 4 + Arrays.stream(chunks).mapToInt(chunk -> chunk.length).sum();
        ByteBuffer file = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
        file.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(length);
        file.put("WEBP".getBytes(StandardCharsets.US_ASCII));
        Arrays.stream(chunks).forEach(file::put);
        return file.array();
    }

    static byte[] chunk(String type, byte[] data) {
        ByteBuffer chunk =
                ByteBuffer.allocate(8 + data.length + data.length % 2).order(ByteOrder.LITTLE_ENDIAN);
        return chunk.put(type.getBytes(StandardCharsets.US_ASCII))
                .putInt(data.length)
                .put(data)
                .array();
    }
}
