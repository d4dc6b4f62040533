package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.Scope;
import java.awt.image.BufferedImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.metadata.IIOMetadataNode;
import javax.imageio.stream.ImageInputStream;
import org.bytedeco.pytorch.AbstractTensor;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PicturesTest {
    @TempDir
    Path folder;

    @Test
    void writes_pngs_that_read_back_as_the_same_classes() throws Exception {
        Pixels image = Samples.gradient(9, 5, 3);
        Pictures.writePng(folder.resolve("out/pear/0.png"), image);
        Pictures.writePng(folder.resolve("out/apple/0.png"), image);
        Pictures.writePng(folder.resolve("out/apple/0.png"), image); // again

        try (ImageSet set = ImageSet.open(folder.resolve("out"))) {
            assertThat(set.classNames()).containsExactly("apple", "pear");
            assertThat(set.size()).isEqualTo(2);
            assertThat(set.read(0)).isEqualTo(image);
        }
        assertThat(Files.list(folder.resolve("out/apple"))).hasSize(1);
    }

    @Test
    void leaves_nothing_half_written() throws Exception {
        Path blocked = Files.createDirectories(folder.resolve("a.png/full"));

        assertThatThrownBy(() -> Pictures.writePng(folder.resolve("a.png"), Samples.plain(2, 2, 0, 0, 0)))
                .isInstanceOf(DataException.class)
                .hasMessageContaining("a.png cannot be written");
        assertThat(Files.list(folder)).containsExactly(blocked.getParent());
    }

    @Test
    void rounds_half_up_and_clamps() {
        float[] values = {
            -1f,
            1f,
            0f,
            -2f,
            3f,
            Float.NaN,
            0.5f / 127.5f,
            -0.5f / 127.5f - 1e-4f,
            1f / 127.5f,
            0.999f,
            Float.NEGATIVE_INFINITY,
            -0.999f
        };
        List<Pixels> images = Scope.value(() -> Pictures.fromTensor(AbstractTensor.create(values, 1, 3, 2, 2)));

        assertThat(images).hasSize(1);
        assertThat(images.get(0).rgb()).containsExactly(0, 255, 129, 255, 128, 255, 128, 128, 0, 0, 127, 0);
    }

    @Test
    void takes_tensors_back_to_the_pictures_they_came_from() {
        byte[] rgb = new byte[2 * 3 * 8 * 8];
        new Random(1).nextBytes(rgb);
        List<Pixels> images = Scope.value(() -> {
            Tensor pixels = Images.of(rgb, new long[] {0, 1}, 8).pixels();
            return Pictures.fromTensor(pixels);
        });

        assertThat(images.get(1).rgb()).isEqualTo(Arrays.copyOfRange(rgb, 192, 384));
        assertThatThrownBy(() -> Scope.value(() -> Pictures.fromTensor(AbstractTensor.create(new float[12], 12))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("images must have shape [?, 3, ?, ?]");
    }

    @Test
    void lays_pictures_out_on_white() {
        Pixels grid = Pictures.grid(
                List.of(Samples.plain(4, 3, 255, 0, 0), Samples.plain(4, 3, 0, 0, 255), Samples.plain(4, 3, 0, 0, 0)),
                2,
                1);

        assertThat(grid.width()).isEqualTo(9);
        assertThat(grid.height()).isEqualTo(7);
        assertThat(Samples.blue(grid, 0, 0)).isZero();
        assertThat(Samples.blue(grid, 4, 0)).isEqualTo(255);
        assertThat(Samples.red(grid, 4, 0)).isEqualTo(255);
        assertThat(Samples.red(grid, 5, 0)).isZero();
        assertThat(Samples.red(grid, 0, 3)).isEqualTo(255);
        assertThat(Samples.red(grid, 3, 4)).isZero();
        assertThat(Samples.red(grid, 8, 6)).isEqualTo(255);
        assertThat(Pictures.grid(List.of(grid), 5, 3)).isEqualTo(grid);
    }

    @Test
    void animates_and_repeats() throws Exception {
        Path file = folder.resolve("deep/a.gif");
        List<Pixels> frames = List.of(fewColors(1), fewColors(2), fewColors(3));
        Pictures.writeGif(file, frames, 120, 2000);

        ImageReader reader = ImageIO.getImageReadersByFormatName("gif").next();
        try (ImageInputStream in = ImageIO.createImageInputStream(file.toFile())) {
            reader.setInput(in);
            assertThat(reader.getNumImages(true)).isEqualTo(3);
            for (int i = 0; i < 3; i++) {
                IIOMetadataNode root =
                        (IIOMetadataNode) reader.getImageMetadata(i).getAsTree("javax_imageio_gif_image_1.0");
                IIOMetadataNode control = (IIOMetadataNode)
                        root.getElementsByTagName("GraphicControlExtension").item(0);
                assertThat(control.getAttribute("delayTime")).isEqualTo(i == 2 ? "200" : "12");
                assertThat(Pixels.of(reader.read(i))).isEqualTo(frames.get(i));
            }
            IIOMetadataNode first =
                    (IIOMetadataNode) reader.getImageMetadata(0).getAsTree("javax_imageio_gif_image_1.0");
            IIOMetadataNode repeat = (IIOMetadataNode)
                    first.getElementsByTagName("ApplicationExtension").item(0);
            assertThat(repeat.getAttribute("applicationID")).isEqualTo("NETSCAPE");
            assertThat((byte[]) repeat.getUserObject()).containsExactly(1, 0, 0);
        } finally {
            reader.dispose();
        }
    }

    @Test
    void gives_each_frame_256_colours_of_its_own() throws Exception {
        List<Pixels> frames = List.of(shades(0xff0000), shades(0x00ff00), shades(0x0000ff), shades(0xffffff));
        Pictures.writeGif(folder.resolve("a.gif"), frames, 50, 50);
        ImageReader reader = ImageIO.getImageReadersByFormatName("gif").next();
        try (ImageInputStream in =
                ImageIO.createImageInputStream(folder.resolve("a.gif").toFile())) {
            reader.setInput(in);
            for (int i = 0; i < frames.size(); i++) {
                assertThat(Pixels.of(reader.read(i))).isEqualTo(frames.get(i));
            }
        } finally {
            reader.dispose();
        }
    }

    /** All 256 of one hue. */
    private static Pixels shades(int of) {
        BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < 256; i++) {
            image.setRGB(i % 16, i / 16, 0x010101 * i & of);
        }
        return Pixels.of(image);
    }

    @Test
    void keeps_256_colours_exactly_whatever_the_codes_grow_to() throws Exception {
        for (int colors : new int[] {1, 2, 3, 4, 5, 17, 128, 129, 256}) {
            for (int width : new int[] {1, 2, 6, 37, 250}) {
                Random random = new Random(colors + 1000L * width);
                byte[] rgb = new byte[3 * width * 97];
                for (int i = 0; i < rgb.length; i += 3) {
                    rgb[i] = (byte) random.nextInt(colors);
                }
                Pixels image = new Pixels(width, 97, rgb);
                Pictures.writeGif(folder.resolve("a.gif"), List.of(image), 50, 50);

                assertThat(Pixels.decode(Files.readAllBytes(folder.resolve("a.gif")), "a"))
                        .isEqualTo(image);
            }
        }
    }

    @Test
    void keeps_many_colours_close_on_average_and_white_white() throws Exception {
        Pixels gradient = Samples.gradient(128, 96, 60);
        Pixels image = Pictures.grid(List.of(gradient, gradient), 2, 8);
        Pictures.writeGif(folder.resolve("a.gif"), List.of(image), 50, 50);
        Pixels read = Pixels.decode(Files.readAllBytes(folder.resolve("a.gif")), "a");

        assertThat(Samples.distance(blurred(image), blurred(read))).isLessThan(8);
        for (int y = 0; y < 96; y++) {
            for (int x = 128; x < 136; x++) {
                assertThat(Samples.red(read, x, y) + Samples.green(read, x, y) + Samples.blue(read, x, y))
                        .isEqualTo(765);
            }
        }
    }

    @Test
    void refuses_frames_of_different_sizes() {
        assertThatThrownBy(() -> Pictures.writeGif(
                        folder.resolve("a.gif"),
                        List.of(Samples.plain(2, 2, 0, 0, 0), Samples.plain(3, 2, 0, 0, 0)),
                        50,
                        50))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one size");
        assertThatThrownBy(() -> Pictures.writeGif(folder.resolve("a.gif"), List.of(), 50, 50))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static Pixels fewColors(int shift) {
        BufferedImage image = new BufferedImage(20, 10, BufferedImage.TYPE_INT_RGB);
        for (int x = 0; x < 20; x++) {
            image.setRGB(x, x / 2, 0x102030 * shift + x);
        }
        return Pixels.of(image);
    }

    private static Pixels blurred(Pixels image) {
        return new Pixels(16, 16, new Preparation(16, Crop.NONE, false).apply(image, new SplittableRandom(0)));
    }
}
