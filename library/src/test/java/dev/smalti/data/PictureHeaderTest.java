package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PictureHeaderTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"png", "jpg", "gif", "bmp"})
    void says_the_size_that_decoding_gives(String format) throws IOException {
        byte[] file = picture(format, 37, 301);
        Pixels decoded = Pixels.decode(file, format);
        assertThat(PictureHeader.extent(file)).contains(new Extent(decoded.width(), decoded.height()));
        assertThat(PictureHeader.extent(file)).contains(new Extent(37, 301));
    }

    /** First bytes of files of cwebp, of 550 x 368 pixels, and of one with an extended header of 64 x 300. */
    @ParameterizedTest
    @CsvSource({
        "52494646 68760000 57454250 56503820 5c760000 d2be019d012a 2602 7001, 550, 368",
        "52494646 3c2b0000 57454250 5650384c 2f2b0000 2f 25c25b00, 550, 368",
        "52494646 3c2b0000 57454250 56503858 0a000000 10000000 3f0000 2b0100, 64, 300"
    })
    void knows_the_three_kinds_of_webp(String hex, int width, int height) {
        byte[] start = HexFormat.of().parseHex(hex.replace(" ", ""));
        assertThat(PictureHeader.extent(start)).contains(new Extent(width, height));
    }

    @ParameterizedTest
    @ValueSource(strings = {"png", "jpg", "gif", "bmp"})
    void says_nothing_of_a_header_that_is_cut_off_anywhere(String format) throws IOException {
        byte[] file = picture(format, 37, 301);
        for (int length = 0; length < 40; length++) {
            PictureHeader.extent(Arrays.copyOf(file, length))
                    .ifPresent(extent -> assertThat(extent).isEqualTo(new Extent(37, 301)));
        }
        assertThat(PictureHeader.extent(Arrays.copyOf(file, 9))).isEmpty();
        assertThat(PictureHeader.extent("not a picture at all, but text".getBytes()))
                .isEmpty();
    }

    @Test
    void a_folder_gives_sizes_from_headers_and_refuses_what_is_no_picture() throws IOException {
        Files.write(folder.resolve("a.png"), Arrays.copyOf(picture("png", 20, 10), 40)); // the rest isn't looked at
        Files.write(folder.resolve("b.jpg"), picture("jpg", 16, 8));
        Files.writeString(folder.resolve("c.jpg"), "no picture");
        try (ImageSet images = ImageSet.open(folder)) {
            assertThat(images.extent(0)).isEqualTo(new Extent(20, 10));
            assertThat(images.extent(1)).isEqualTo(new Extent(16, 8));
            assertThatThrownBy(() -> images.extent(2))
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("c.jpg");
        }
    }

    private static byte[] picture(String format, int width, int height) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB), format, bytes);
        return bytes.toByteArray();
    }
}
