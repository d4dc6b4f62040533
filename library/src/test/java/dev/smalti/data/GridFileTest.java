package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GridFileTest {
    @TempDir
    Path folder;

    @Test
    void lays_pictures_out_as_a_grid_in_memory_does() throws Exception {
        for (int count : new int[] {1, 2, 5, 6, 7}) {
            for (int columns : new int[] {1, 3, 9}) {
                List<Pixels> images =
                        IntStream.range(0, count).mapToObj(GridFileTest::image).toList();
                Path file = folder.resolve("not/there/%d-%d.png".formatted(count, columns));
                try (GridFile grid = new GridFile(file, count, columns, 2, 7, 5)) {
                    images.forEach(grid::add);
                    assertThat(file).doesNotExist();
                    grid.finish();
                }
                assertThat(Pixels.decode(Files.readAllBytes(file), "grid"))
                        .isEqualTo(Pictures.grid(images, columns, 2));
            }
        }
        assertThat(Files.list(folder)).containsExactly(folder.resolve("not"));
    }

    @Test
    void is_a_png_however_large() throws Exception {
        Pixels large = Samples.gradient(900, 700, 60);
        Path file = folder.resolve("a.png");
        try (GridFile grid = new GridFile(file, 2, 2, 0, 900, 700)) {
            grid.add(large);
            grid.add(large);
            grid.finish();
        }
        assertThat(Pixels.decode(Files.readAllBytes(file), "grid"))
                .isEqualTo(Pictures.grid(List.of(large, large), 2, 0));
    }

    @Test
    void leaves_nothing_when_it_is_not_finished() throws Exception {
        try (GridFile grid = new GridFile(folder.resolve("deep/a.png"), 3, 2, 1, 7, 5)) {
            grid.add(image(0));
            assertThatThrownBy(() -> grid.add(Samples.plain(5, 7, 0, 0, 0)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("takes 3 pictures of 7 x 5, picture 1 has 5 x 7");
            assertThatThrownBy(grid::finish)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("needs 3 pictures, got 1");
        }
        assertThat(Files.list(folder)).isEmpty();
    }

    private static Pixels image(int seed) {
        byte[] rgb = new byte[3 * 7 * 5];
        new Random(seed).nextBytes(rgb);
        return new Pixels(7, 5, rgb);
    }
}
