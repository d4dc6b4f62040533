package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.smalti.data.ImageSet;
import dev.smalti.data.NumpyFile;
import dev.smalti.data.Pixels;
import dev.smalti.tensor.Dims;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images larger than those of training, which are of 16x16 pixels and 4x4 tokens. */
class SizeTest {
    @TempDir
    private static Path folder;

    private static Path model;

    @TempDir
    private Path fresh;

    @BeforeAll
    static void trains_what_draws() {
        TinyWorld world = new TinyWorld(folder);
        model = world.prior("prior", world.tokens(world.tokenizer()));
    }

    @Test
    void draws_pictures_and_a_grid_of_them() throws IOException {
        Path out = fresh.resolve("drawn");
        Path grid = fresh.resolve("all").resolve("grid.png");
        JsonNode json = draw(out, "--size", "24x40", "--count", 3, "--grid", grid, "--json");
        assertThat(json.get("size").asText()).isEqualTo("24x40");
        assertThat(json.get("tokens").asText()).isEqualTo("6x10");
        Pixels all = Pixels.decode(Files.readAllBytes(grid), "grid");
        assertThat(all.width()).isEqualTo(2 * 40 + 2);
        assertThat(all.height()).isEqualTo(2 * 24 + 2);
        try (ImageSet set = ImageSet.open(out)) {
            assertThat(set.size()).isEqualTo(3);
            assertThat(set.read(2).width()).isEqualTo(40);
            assertThat(set.read(2).height()).isEqualTo(24);
        }
    }

    @Test
    void draws_arrays_that_are_the_same_whatever_the_batch() throws IOException {
        Path one = fresh.resolve("one.npz");
        Path many = fresh.resolve("many.npz");
        draw(one, "--size", "24x40", "--format", "npz", "--count", 5, "--batch", 1, "--json");
        draw(many, "--size", "24x40", "--format", "npz", "--count", 5, "--batch", 64, "--json");
        assertThat(Files.mismatch(one, many)).isEqualTo(-1);
        try (ImageSet set = NumpyFile.open(one)) {
            assertThat(set.size()).isEqualTo(5);
            assertThat(set.read(4).width()).isEqualTo(40);
            assertThat(set.read(4).height()).isEqualTo(24);
        }
    }

    @Test
    void looks_through_all_windows_or_random_ones_and_draws_at_random_or_row_by_row() throws IOException {
        Path ones = wide("ones", "--stride", 1);
        Path random = wide("random", "--windows", "random");
        assertThat(Files.mismatch(wide("all", "--windows", "all"), ones)).isEqualTo(-1);
        assertThat(Files.mismatch(wide("singly", "--windows", "random", "--batch", 1), random))
                .isEqualTo(-1);
        assertThat(Files.mismatch(random, ones)).isNotEqualTo(-1);
        assertThat(Files.mismatch(wide("raster", "--stride", 1, "--order", "raster"), ones))
                .isNotEqualTo(-1);
    }

    private Path wide(String name, Object... more) {
        Path out = fresh.resolve(name + ".npz");
        Object[] first = {"--size", "24x40", "--format", "npz", "--count", 3, "--json"};
        draw(out, Stream.concat(Stream.of(first), Stream.of(more)).toArray());
        return out;
    }

    @Test
    void draws_tokens_with_another_stride_too() {
        Path usual = fresh.resolve("usual.safetensors");
        Path narrow = fresh.resolve("narrow.safetensors");
        JsonNode json = draw(usual, "--size", "24x40", "--format", "tokens", "--count", 2, "--json");
        assertThat(json.get("size").asText()).isEqualTo("24x40");
        draw(narrow, "--size", "24x40", "--stride", 1, "--format", "tokens", "--count", 2, "--json");
        for (Path path : new Path[] {usual, narrow}) {
            try (TokenFile file = TokenFile.read(path)) {
                assertThat(file.space()).isEqualTo(new TokenSpace(16, 6, 10));
                assertThat(Dims.of(file.codes())).containsExactly(2, 6, 10);
                assertThat(file.labels()).isPresent();
            }
        }
    }

    @Test
    void the_size_of_training_changes_nothing() throws IOException {
        Path without = fresh.resolve("without.npz");
        Path with = fresh.resolve("with.npz");
        draw(without, "--format", "npz", "--count", 3, "--json");
        draw(with, "--size", "16x16", "--stride", 2, "--format", "npz", "--count", 3, "--json");
        assertThat(Files.mismatch(without, with)).isEqualTo(-1);
    }

    private static JsonNode draw(Path out, Object... options) {
        Object[] arguments = new Object[4 + options.length];
        System.arraycopy(new Object[] {"generate", model, "--out", out}, 0, arguments, 0, 4);
        System.arraycopy(options, 0, arguments, 4, options.length);
        Command command = Command.run(arguments);
        assertThat(command.code()).as(command.err()).isZero();
        return command.json();
    }
}
