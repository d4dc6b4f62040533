package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.TensorWriter.Shape;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorWriterTest {
    @TempDir
    Path folder;

    private Path file;
    private final Map<String, Shape> shapes = new LinkedHashMap<>(Map.of(
            "a",
            new Shape(ScalarType.Short, 4, 2),
            "b",
            new Shape(ScalarType.Long, 3),
            "e",
            new Shape(ScalarType.Float, 0, 5)));
    private final Tensor a = Tensors.longs(1, 2, 3, 4, 5, 6, 7, 8).view(4, 2).to(ScalarType.Short);
    private final Tensor b = Tensors.longs(-1, Long.MIN_VALUE, Long.MAX_VALUE);

    @BeforeEach
    void name_the_file() {
        file = folder.resolve("pieces.safetensors");
    }

    @Test
    void makes_of_rows_in_any_order_what_is_written_at_once() {
        Path once = folder.resolve("once.safetensors");
        TensorFile.write(once, Map.of("a", a, "b", b, "e", Tensors.zeros(0, 5)), Map.of("k", "v"));
        try (TensorWriter writer = TensorWriter.create(file, shapes, Map.of("k", "v"))) {
            writer.put("a", 3, a.narrow(0, 3, 1));
            writer.put("b", 0, b);
            writer.put("a", 0, a.narrow(0, 0, 3).t().contiguous().t());
        }
        assertThat(file).hasSameBinaryContentAs(once);
    }

    @Test
    void goes_on_with_its_own_shapes_and_copies_to_fewer_rows() {
        try (TensorWriter writer = TensorWriter.create(file, shapes, Map.of())) {
            writer.put("a", 0, a.narrow(0, 0, 2));
        }
        try (TensorWriter writer = TensorWriter.open(file, shapes, Map.of())) {
            writer.put("a", 2, a.narrow(0, 2, 2));
            writer.put("b", 0, b);
        }
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TensorWriter.open(file, shapes, Map.of("k", "v")))
                .withMessage(file + ": has other tensors than those to go on with");
        Path fewer = folder.resolve("fewer.safetensors");
        try (TensorWriter writer =
                TensorWriter.create(fewer, Map.of("a", new Shape(ScalarType.Short, 3, 2)), Map.of())) {
            writer.copy("a", file);
        }
        try (TensorFile read = TensorFile.open(fewer)) {
            assertThat(Tensors.toLongs(read.tensor("a"))).containsExactly(1, 2, 3, 4, 5, 6);
        }
        try (TensorWriter writer = TensorWriter.create(
                folder.resolve("more.safetensors"), Map.of("a", new Shape(ScalarType.Short, 5, 2)), Map.of())) {
            assertThatExceptionOfType(BadFileException.class)
                    .isThrownBy(() -> writer.copy("a", file))
                    .withMessageContaining("has no rows for tensor a");
        }
    }

    @Test
    void refuses_other_rows_than_were_said() {
        try (TensorWriter writer = TensorWriter.create(file, shapes, Map.of())) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.put("a", 0, a.to(ScalarType.Int)))
                    .withMessage("tensor a is I16 [4, 2], got Int [4, 2] for its rows from 0 on");
            assertThatIllegalArgumentException().isThrownBy(() -> writer.put("a", 1, a));
            assertThatIllegalArgumentException().isThrownBy(() -> writer.put("a", -1, a.narrow(0, 0, 1)));
            assertThatIllegalArgumentException().isThrownBy(() -> writer.put("a", 0, a.view(2, 4)));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.put("c", 0, a))
                    .withMessageContaining("has no tensor c with rows");
        }
        assertThatThrownBy(() -> TensorWriter.create(file, shapes, Map.of()))
                .as("a file that is there")
                .isInstanceOf(UncheckedIOException.class);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TensorWriter.create(
                        folder.resolve("x"), Map.of("c", new Shape(ScalarType.ComplexFloat, 2)), Map.of()))
                .withMessageContaining("tensor c must have one of the types");
        assertThat(Files.exists(folder.resolve("x"))).isFalse();
    }

    @Test
    void rows_are_read_alone_in_any_order() {
        TensorFile.write(
                file,
                Map.of("a", a, "b", b, "t", Tensors.longs(1, 0, 1).to(ScalarType.Bool), "s", b.select(0, 0)),
                Map.of());
        try (TensorFile read = TensorFile.open(file)) {
            assertThat(Tensors.toLongs(read.select("a", 3, 0, 1, 3))).containsExactly(7, 8, 1, 2, 3, 4, 7, 8);
            assertThat(Dims.of(read.rows("a", 1, 2))).containsExactly(2, 2);
            assertThat(Tensors.toLongs(read.rows("a", 1, 2))).containsExactly(3, 4, 5, 6);
            assertThat(Tensors.toLongs(read.select("t", 2, 1))).containsExactly(1, 0);
            assertThat(Dims.of(read.select("a"))).containsExactly(0, 2);
            assertThatThrownBy(() -> read.select("a", 4))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage("row must be from 0 to 3 of tensor a of " + file + ", got 4");
            assertThatThrownBy(() -> read.rows("a", 2, 3)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> read.select("s", 0))
                    .isInstanceOf(BadFileException.class)
                    .hasMessageContaining("tensor s is one number and has no rows");
        }
    }
}
