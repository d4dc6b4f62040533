package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TensorFileTest {
    @TempDir
    Path folder;

    @Test
    void reads_a_file_written_by_hand() throws IOException {
        ByteBuffer data = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
        data.putFloat(1.5f)
                .putFloat(-2f)
                .putFloat(0f)
                .putFloat(3e8f)
                .putShort((short) -7)
                .putShort((short) 300);
        Path file = write(
                "{\"__metadata__\":{\"format\":\"pt\",\"ü\":\"\\u00e9\"},"
                        + "\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
                        + "\"b\":{\"dtype\":\"I16\",\"shape\":[2],\"data_offsets\":[16,20]}}   ",
                data.array());

        try (TensorFile read = TensorFile.open(file)) {
            assertThat(read.metadata()).containsExactly(Map.entry("format", "pt"), Map.entry("ü", "é"));
            assertThat(read.names()).containsExactly("w", "b");
            assertThat(read.shape("w")).containsExactly(2, 2);
            assertThat(read.dtype("b")).isEqualTo("I16");
            assertThat(Tensors.toFloats(read.tensor("w"))).containsExactly(1.5f, -2f, 0f, 3e8f);
            assertThat(Tensors.toLongs(read.tensor("b"))).containsExactly(-7, 300);
        }
    }

    @Test
    void writes_the_bytes_that_the_format_asks_for() throws IOException {
        Path file = folder.resolve("x.safetensors");
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("b", Tensors.floats(1, 2));
        tensors.put("c", Tensors.longs(3));
        tensors.put("a", Tensors.longs(9, 8).to(ScalarType.Char));
        tensors.put("a\"", Tensors.floats(4));

        TensorFile.write(file, tensors, Map.of("z", "1", "k", "ü"));

        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) bytes.getLong();
        String header = new String(bytes.array(), 8, length, StandardCharsets.UTF_8);
        assertThat(length % 8).isZero();
        assertThat(header.stripTrailing())
                .isEqualTo("{\"__metadata__\":{\"k\":\"ü\",\"z\":\"1\"},"
                        + "\"c\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
                        + "\"a\\\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                        + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]},"
                        + "\"a\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[20,22]}}");
        bytes.position(8 + length);
        assertThat(bytes.getLong()).isEqualTo(3);
        assertThat(bytes.getFloat()).isEqualTo(4);
        assertThat(bytes.getFloat()).isEqualTo(1);
        assertThat(bytes.getFloat()).isEqualTo(2);
        assertThat(bytes.get()).isEqualTo((byte) 9);
        assertThat(bytes.get()).isEqualTo((byte) 8);
        assertThat(bytes.hasRemaining()).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "F64, Double",
        "F32, Float",
        "F16, Half",
        "BF16, BFloat16",
        "I64, Long",
        "I32, Int",
        "I16, Short",
        "I8, Char",
        "U8, Byte",
        "BOOL, Bool"
    })
    void returns_what_was_written_in_every_type(String name, ScalarType type) {
        Tensor tensor = Tensors.floats(0, 1, 2, 3, 100, 0).to(type).reshape(2, 3);

        Tensor read = rewritten(tensor);

        assertThat(read.scalar_type().intern()).isEqualTo(type);
        assertThat(read.equal(tensor)).isTrue();
        try (TensorFile file = TensorFile.open(folder.resolve("again.safetensors"))) {
            assertThat(file.dtype("x")).isEqualTo(name);
        }
    }

    @Test
    void converts_to_the_type_that_is_asked_for() {
        Path file = written(Map.of("x", Tensors.longs(1, 2)));
        try (TensorFile read = TensorFile.open(file)) {
            Tensor floats = read.tensor("x", ScalarType.Float);
            assertThat(floats.scalar_type().intern()).isEqualTo(ScalarType.Float);
            assertThat(Tensors.toFloats(floats)).containsExactly(1, 2);
        }
    }

    @Test
    void writes_the_elements_of_a_view_and_not_its_memory() {
        Tensor matrix = torch.arange(new Scalar(12.0)).reshape(3, 4);

        assertThat(rewritten(matrix.t()).equal(matrix.t())).isTrue();
        assertThat(rewritten(matrix.select(1, 2)).equal(matrix.select(1, 2))).isTrue();
        assertThat(rewritten(matrix.narrow(0, 1, 1).expand(5, 4))
                        .equal(matrix.narrow(0, 1, 1).expand(5, 4)))
                .isTrue();
    }

    @Test
    void writes_a_tensor_that_requires_a_gradient() {
        Tensor weight = Tensors.floats(1, 2).requires_grad_(true);
        assertThat(Tensors.toFloats(rewritten(weight))).containsExactly(1, 2);
    }

    @Test
    void keeps_scalars_and_tensors_without_elements() {
        Tensor scalar = rewritten(Tensors.floats(7).reshape());
        assertThat(scalar.dim()).isZero();
        assertThat(scalar.item_float()).isEqualTo(7);

        Tensor nothing = rewritten(Tensors.zeros(3, 0, 2));
        assertThat(Dims.of(nothing)).containsExactly(3, 0, 2);
    }

    @Test
    void keeps_tensors_without_elements_between_others() {
        Map<String, Tensor> tensors =
                Map.of("a", Tensors.floats(1), "b", Tensors.zeros(0), "c", Tensors.zeros(0, 5), "d", Tensors.floats(2));
        try (TensorFile read = TensorFile.open(written(tensors))) {
            assertThat(Tensors.toFloats(read.tensor("d"))).containsExactly(2);
            assertThat(read.shape("c")).containsExactly(0, 5);
        }
    }

    @Test
    void reads_all_tensors_in_the_order_of_the_header() throws IOException {
        Path file = write(
                "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
                        + "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                5,
                6);
        try (TensorFile read = TensorFile.open(file)) {
            Map<String, Tensor> tensors = read.tensors();
            assertThat(tensors.keySet()).containsExactly("b", "a");
            assertThat(tensors.get("b").item_byte()).isEqualTo((byte) 6);
        }
    }

    @Test
    void tensors_outlive_the_file() throws IOException {
        Path file = written(Map.of("x", Tensors.floats(1, 2)));
        Tensor tensor;
        try (TensorFile read = TensorFile.open(file)) {
            tensor = read.tensor("x");
        }
        Files.delete(file);
        assertThat(Tensors.toFloats(tensor)).containsExactly(1, 2);
    }

    @Test
    void leaves_no_handles_behind() {
        Path file = written(Map.of("x", Tensors.floats(1, 2), "y", Tensors.longs(1)));
        roundTrip(file);
        long before = Pointer.totalCount();
        for (int i = 0; i < 200; i++) {
            roundTrip(file);
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    @Test
    void holds_a_file_without_tensors() {
        try (TensorFile read = TensorFile.open(written(Map.of()))) {
            assertThat(read.names()).isEmpty();
            assertThat(read.tensors()).isEmpty();
            assertThat(read.metadata()).isEmpty();
        }
    }

    @Test
    void takes_any_byte_but_zero_for_true() throws IOException {
        Path file = write("{\"x\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}", 0, 1, 255);
        try (TensorFile read = TensorFile.open(file)) {
            assertThat(Tensors.toLongs(read.tensor("x"))).containsExactly(0, 1, 1);
        }
    }

    @Test
    void ignores_what_a_later_version_may_say_of_a_tensor() throws IOException {
        Path file = write("{\"x\":{\"dtype\":\"U8\",\"new\":{\"deep\":[1]},\"shape\":[1],\"data_offsets\":[0,1]}}", 4);
        try (TensorFile read = TensorFile.open(file)) {
            assertThat(read.tensor("x").item_byte()).isEqualTo((byte) 4);
        }
    }

    @Test
    void lists_the_nearest_names_when_a_tensor_is_missing() {
        Tensor one = Tensors.floats(1);
        Path file = written(Map.of("conv1.weight", one, "conv1.bias", one, "conv2.weight", one, "head", one));
        try (TensorFile read = TensorFile.open(file)) {
            assertThatExceptionOfType(BadFileException.class)
                    .isThrownBy(() -> read.tensor("conv1.wieght"))
                    .withMessageContaining("x.safetensors")
                    .withMessageContaining(
                            "there is no tensor conv1.wieght; near it are [conv1.weight, conv2.weight, conv1.bias]");
        }
    }

    @Test
    void refuses_to_read_after_close() {
        TensorFile read = TensorFile.open(written(Map.of("x", Tensors.floats(1))));
        read.close();
        assertThatThrownBy(() -> read.tensor("x"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("x.safetensors")
                .hasMessageContaining("closed before tensor x");
    }

    @Test
    void refuses_a_file_that_became_shorter_after_it_was_opened() throws IOException {
        Path file = written(Map.of("x", Tensors.floats(1, 2, 3)));
        try (TensorFile read = TensorFile.open(file)) {
            Files.write(file, Arrays.copyOf(Files.readAllBytes(file), (int) Files.size(file) - 4));
            assertThatThrownBy(() -> read.tensor("x"))
                    .isInstanceOf(BadFileException.class)
                    .hasMessageContaining("tensor x was cut off");
        }
    }

    @Test
    void refuses_a_missing_file() {
        assertRefused(folder.resolve("x.safetensors"), "there is no such file");
    }

    @Test
    void refuses_a_folder() throws IOException {
        assertRefused(
                Files.createDirectory(folder.resolve("x.safetensors")), "must be a safetensors file, is a folder");
    }

    @Test
    void refuses_an_empty_file() throws IOException {
        assertRefused(Files.write(folder.resolve("x.safetensors"), new byte[0]), "the file is empty");
    }

    @Test
    void refuses_a_file_shorter_than_the_header_length() throws IOException {
        assertRefused(Files.write(folder.resolve("x.safetensors"), new byte[5]), "at least 8 bytes, got 5");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 100_000_001, Long.MAX_VALUE})
    void refuses_a_header_length_that_is_none(long length) throws IOException {
        assertRefused(writeLength(length, 10), "header length must be 2 to 100000000 bytes, got " + length);
    }

    @Test
    void refuses_a_header_length_beyond_the_signed_numbers() throws IOException {
        assertRefused(writeLength(-1, 10), "got 18446744073709551615");
    }

    @Test
    void refuses_a_header_longer_than_the_file() throws IOException {
        assertRefused(writeLength(11, 10), "header length is 11 bytes, but only 10 follow");
    }

    @Test
    void refuses_a_header_that_is_no_object() throws IOException {
        assertRefused(write("[1, 2]"), "header must be a JSON object and start with {, got byte 91");
    }

    @Test
    void refuses_a_header_that_is_no_json() throws IOException {
        assertRefused(write("{\"x\": nothing}"), "not valid JSON: Unrecognized token 'nothing'");
        assertRefused(write("{\"x\""), "not valid JSON");
        assertRefused(write("{'x': 1}"), "header is not valid JSON");
    }

    @Test
    void refuses_a_header_in_another_encoding() throws IOException {
        Charset utf16 = StandardCharsets.UTF_16LE;
        assertRefused(writeBytes("{\"x\":1}".getBytes(utf16), new byte[0]), "not valid JSON");
        assertRefused(writeBytes("{\"é\":1}".getBytes(StandardCharsets.ISO_8859_1), new byte[0]), "not valid UTF-8");
    }

    @Test
    void refuses_text_after_the_header() throws IOException {
        assertRefused(write("{} {}"), "one JSON object, but more follows");
    }

    @Test
    void refuses_a_header_that_nests_without_end() throws IOException {
        assertRefused(write("{\"x\":{\"new\":" + "[".repeat(5000)), "tensor x is not valid JSON", "depth");
    }

    @Test
    void refuses_two_tensors_of_one_name() throws IOException {
        String entry = "\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}";
        assertRefused(write("{" + entry + "," + entry + "}", 1), "Duplicate", "'x'");
    }

    @Test
    void refuses_a_tensor_that_says_something_twice() throws IOException {
        assertRefused(
                write("{\"x\":{\"dtype\":\"U8\",\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1),
                "tensor x",
                "Duplicate",
                "'dtype'");
    }

    @Test
    void refuses_metadata_given_twice() throws IOException {
        assertRefused(write("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}"), "__metadata__", "Duplicate", "'a'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"1", "null", "[\"1\"]", "{}"})
    void refuses_metadata_that_is_no_string(String value) throws IOException {
        assertRefused(
                write("{\"__metadata__\":{\"epoch\":" + value + "}}"),
                "__metadata__ must have strings for values at epoch");
    }

    @Test
    void refuses_metadata_that_is_no_object() throws IOException {
        assertRefused(write("{\"__metadata__\":3}"), "__metadata__ must be an object of strings, got 3");
    }

    @Test
    void refuses_a_tensor_that_is_no_object() throws IOException {
        assertRefused(write("{\"x\":[]}"), "tensor x must be described by an object, got an array");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "dtype; {\"shape\":[1],\"data_offsets\":[0,1]}",
                "shape; {\"dtype\":\"U8\",\"data_offsets\":[0,1]}",
                "data_offsets; {\"dtype\":\"U8\",\"shape\":[1]}"
            })
    void refuses_a_tensor_that_says_too_little(String missing, String entry) throws IOException {
        assertRefused(write("{\"x\":" + entry + "}", 1), "tensor x lacks " + missing);
    }

    @Test
    void refuses_unknown_types() throws IOException {
        assertRefused(
                entry("\"F8_E4M3\"", "[1]", "[0,1]", 1),
                "tensor x must have one of the types F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL, U64, U32, U16, got F8_E4M3");
        assertRefused(entry("8", "[1]", "[0,1]", 1), "tensor x must have a string for dtype, got 8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "1.0", "\"1\"", "null", "9223372036854775808", "[1]"})
    void refuses_sizes_that_are_not_whole_numbers(String size) throws IOException {
        assertRefused(
                entry("\"U8\"", "[" + size + "]", "[0,1]", 1),
                "tensor x must have whole numbers from 0 to 2^63 - 1 for shape, got ");
    }

    @Test
    void refuses_a_shape_that_is_no_array() throws IOException {
        assertRefused(entry("\"U8\"", "1", "[0,1]", 1), "tensor x must have an array for shape, got 1");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "[4294967296, 4294967296]",
                "[9223372036854775807, 2]",
                "[1152921504606846976, 2]",
                "[0, 4294967296, 4294967296]"
            })
    void refuses_shapes_that_overflow(String shape) throws IOException {
        assertRefused(entry("\"F64\"", shape, "[0,0]"), "tensor x has a shape whose size overflows: " + shape);
    }

    @Test
    void refuses_a_shape_of_endless_dimensions() throws IOException {
        String ones = "1,".repeat(64) + "1";
        assertRefused(entry("\"U8\"", "[" + ones + "]", "[0,1]", 1), "tensor x has more than 64 numbers for shape");
    }

    @Test
    void refuses_offsets_that_are_no_pair() throws IOException {
        assertRefused(entry("\"U8\"", "[1]", "[1]", 1), "tensor x must have 2 data_offsets, got 1");
        assertRefused(entry("\"U8\"", "[1]", "[0,1,2]", 1), "tensor x has more than 2 numbers for data_offsets");
        assertRefused(entry("\"U8\"", "[1]", "[-1,0]", 1), "tensor x must have whole numbers", "got -1");
    }

    @Test
    void refuses_reversed_offsets() throws IOException {
        assertRefused(entry("\"U8\"", "[1]", "[1,0]", 1), "tensor x has data_offsets in reverse: [1, 0]");
    }

    @Test
    void refuses_a_size_that_is_not_that_of_the_shape() throws IOException {
        assertRefused(
                entry("\"F32\"", "[2, 3]", "[0,20]", new int[20]),
                "tensor x of shape [2, 3] and type F32 takes 24 bytes, but data_offsets [0, 20] hold 20");
    }

    @Test
    void refuses_offsets_beyond_the_file() throws IOException {
        assertRefused(
                entry("\"U8\"", "[3]", "[0,3]", 1, 2),
                "tensor x ends at byte 3 of the data, but there are 2",
                "truncated");
    }

    @Test
    void refuses_every_truncation() throws IOException {
        byte[] whole = Files.readAllBytes(written(Map.of("x", Tensors.floats(1, 2), "y", Tensors.longs(1))));
        for (int length = 0; length < whole.length; length++) {
            assertRefused(Files.write(folder.resolve("x.safetensors"), Arrays.copyOf(whole, length)), "x.safetensors");
        }
    }

    @Test
    void refuses_overlapping_offsets() throws IOException {
        assertRefused(
                pair("[2]", "[0,2]", "[2]", "[1,3]", 1, 2, 3),
                "tensor b must begin at byte 2 of the data, after tensor a, got 1: tensors must not overlap");
    }

    @Test
    void refuses_tensors_that_share_their_bytes() throws IOException {
        assertRefused(pair("[2]", "[0,2]", "[2]", "[0,2]", 1, 2), "tensor b", "after tensor a, got 0", "overlap");
    }

    @Test
    void refuses_gaps() throws IOException {
        assertRefused(
                pair("[1]", "[0,1]", "[1]", "[2,3]", 1, 2, 3),
                "tensor b must begin at byte 1 of the data, after tensor a, got 2: tensors must not leave gaps");
        assertRefused(entry("\"U8\"", "[1]", "[1,2]", 1, 2), "tensor x must begin at byte 0", "after the start, got 1");
    }

    @Test
    void refuses_bytes_that_belong_to_no_tensor() throws IOException {
        assertRefused(
                entry("\"U8\"", "[1]", "[0,1]", 1, 2, 3),
                "tensors must cover the data, but 2 of its 3 bytes follow tensor x");
        assertRefused(write("{}", 1), "but 1 of its 1 bytes follow the start");
    }

    @Test
    void replaces_a_file() {
        written(Map.of("x", Tensors.floats(1)));
        Path file = written(Map.of("x", Tensors.floats(2)));
        try (TensorFile read = TensorFile.open(file)) {
            assertThat(Tensors.toFloats(read.tensor("x"))).containsExactly(2);
        }
        assertThat(filesInFolder()).containsExactly("x.safetensors");
    }

    @Test
    void writes_the_same_bytes_for_the_same_tensors() throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("a", Tensors.floats(1));
        tensors.put("b", Tensors.floats(2));
        byte[] first = Files.readAllBytes(written(tensors));
        Map<String, Tensor> reordered = new LinkedHashMap<>();
        reordered.put("b", tensors.get("b"));
        reordered.put("a", tensors.get("a"));
        assertThat(Files.readAllBytes(written(reordered))).isEqualTo(first);
    }

    @Test
    void refuses_to_write_a_type_that_the_format_lacks() throws IOException {
        Path file = Files.writeString(folder.resolve("x.safetensors"), "old");
        Tensor complex = torch.zeros(new long[] {1}, new TensorOptions(ScalarType.ComplexFloat));
        assertThatThrownBy(() -> TensorFile.write(file, Map.of("x", complex), Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tensor x must have one of the types F64, F32")
                .hasMessageContaining("got ComplexFloat");
        assertThat(file).hasContent("old");
        assertThat(filesInFolder()).containsExactly("x.safetensors");
    }

    @Test
    void refuses_to_write_what_is_no_tensor() {
        Path file = folder.resolve("x.safetensors");
        assertThatThrownBy(() -> TensorFile.write(file, Map.of("x", new Tensor()), Map.of()))
                .hasMessageContaining("tensor x has no value");
        assertThatThrownBy(() -> TensorFile.write(file, Map.of("__metadata__", Tensors.floats(1)), Map.of()))
                .hasMessageContaining("must not be named __metadata__");
        assertThat(filesInFolder()).isEmpty();
    }

    @Test
    void names_the_file_when_its_folder_is_missing() {
        assertThatThrownBy(() -> TensorFile.write(folder.resolve("no/x.safetensors"), Map.of(), Map.of()))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("cannot write")
                .hasMessageContaining("x.safetensors: there is no folder");
    }

    @Test
    void leaves_nothing_behind_when_a_folder_is_in_the_way() throws IOException {
        Path file = Files.createDirectory(folder.resolve("x.safetensors"));
        assertThatThrownBy(() -> written(Map.of("x", Tensors.floats(1))))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("cannot write")
                .hasMessageContaining("x.safetensors: ");
        assertThat(file).isDirectory();
        assertThat(filesInFolder()).containsExactly("x.safetensors");
    }

    private void roundTrip(Path file) {
        Scope.free(() -> {
            try (TensorFile read = TensorFile.open(file)) {
                TensorFile.write(folder.resolve("again.safetensors"), read.tensors(), read.metadata());
            }
        });
    }

    private Tensor rewritten(Tensor tensor) {
        Path file = folder.resolve("again.safetensors");
        TensorFile.write(file, Map.of("x", tensor), Map.of());
        try (TensorFile read = TensorFile.open(file)) {
            return read.tensor("x");
        }
    }

    private Path written(Map<String, Tensor> tensors) {
        Path file = folder.resolve("x.safetensors");
        TensorFile.write(file, tensors, Map.of());
        return file;
    }

    private Path entry(String dtype, String shape, String offsets, int... data) throws IOException {
        return write("{\"x\":{\"dtype\":%s,\"shape\":%s,\"data_offsets\":%s}}".formatted(dtype, shape, offsets), data);
    }

    private Path pair(String shapeA, String offsetsA, String shapeB, String offsetsB, int... data) throws IOException {
        return write(
                ("{\"b\":{\"dtype\":\"U8\",\"shape\":%s,\"data_offsets\":%s},"
                                + "\"a\":{\"dtype\":\"U8\",\"shape\":%s,\"data_offsets\":%s}}")
                        .formatted(shapeB, offsetsB, shapeA, offsetsA),
                data);
    }

    private Path write(String header, int... data) throws IOException {
        byte[] bytes = new byte[data.length];
        for (int i = 0; i < data.length; i++) {
            bytes[i] = (byte) data[i];
        }
        return write(header, bytes);
    }

    private Path write(String header, byte[] data) throws IOException {
        return writeBytes(header.getBytes(StandardCharsets.UTF_8), data);
    }

    private Path writeBytes(byte[] header, byte[] data) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(8 + header.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(header.length).put(header).put(data);
        return Files.write(folder.resolve("x.safetensors"), bytes.array());
    }

    private Path writeLength(long length, int following) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(8 + following).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putLong(length);
        return Files.write(folder.resolve("x.safetensors"), bytes.array());
    }

    private List<String> filesInFolder() {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(each -> each.getFileName().toString()).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void assertRefused(Path file, String... parts) {
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TensorFile.open(file).close())
                .withMessageStartingWith(file + ": ")
                .satisfies(
                        e -> assertThat(e.getMessage()).contains(List.of(parts)).doesNotContain("\n"));
    }
}
