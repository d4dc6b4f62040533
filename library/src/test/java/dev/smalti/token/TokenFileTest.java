package dev.smalti.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenFileTest {
    @TempDir
    Path folder;

    private Path path;

    @BeforeEach
    void name_the_file() {
        path = folder.resolve("fruits.safetensors");
    }

    @Test
    void reads_back_all_that_was_written() {
        Tensor codes = Tensors.longs(0, 1, 2, 3, 4, 3, 2, 1, 0, 4, 4, 4).reshape(3, 2, 2);
        try (TokenFile file = TokenFile.of(codes, 5)
                .labels(Tensors.longs(1, 0, 1))
                .classes(2)
                .classNames(List.of("apple", "\"pear\", ripe"))
                .codebook(new Codebook(
                        Tensors.floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10).reshape(5, 2)))
                .noiseSeeds(Tensors.longs(7, -8, Long.MAX_VALUE))
                .tokenizer("abc123")
                .tokenizerRun("runs/vq")
                .metadata(Map.of("source", "orchard"))
                .build()) {
            file.write(path);
        }

        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.size()).isEqualTo(3);
            assertThat(file.space()).isEqualTo(new TokenSpace(5, 2, 2));
            assertThat(file.codebookSize()).isEqualTo(5);
            assertThat(file.space().depth()).isEqualTo(1);
            assertThat(file.codes().to(ScalarType.Long).equal(codes)).isTrue();
            assertThat(Tensors.toLongs(file.labels().orElseThrow())).containsExactly(1, 0, 1);
            assertThat(file.classes()).isEqualTo(2);
            assertThat(file.classNames()).containsExactly("apple", "\"pear\", ripe");
            assertThat(file.codebook().orElseThrow().width()).isEqualTo(2);
            assertThat(Tensors.toFloats(file.codebook().orElseThrow().vectors()))
                    .endsWith(9, 10);
            assertThat(Tensors.toLongs(file.noiseSeeds().orElseThrow())).containsExactly(7, -8, Long.MAX_VALUE);
            assertThat(file.tokenizer()).contains("abc123");
            assertThat(file.tokenizerRun()).contains("runs/vq");
            assertThat(file.metadata()).containsExactly(Map.entry("source", "orchard"));
        }
    }

    @Test
    void writes_the_names_that_the_format_has() {
        try (TokenFile file = TokenFile.of(grids(2), 300)
                .labels(Tensors.longs(0, 1))
                .classNames(List.of("a", "b"))
                .tokenizer("abc")
                .tokenizerRun("run")
                .build()) {
            file.write(path);
        }
        try (TensorFile file = TensorFile.open(path)) {
            assertThat(file.names()).containsExactlyInAnyOrder("codes", "labels");
            assertThat(file.dtype("labels")).isEqualTo("I64");
            assertThat(file.metadata())
                    .containsOnly(
                            Map.entry("format", "1"),
                            Map.entry("codebook_size", "300"),
                            Map.entry("classes", "2"),
                            Map.entry("class_names", "[\"a\",\"b\"]"),
                            Map.entry("tokenizer", "abc"),
                            Map.entry("tokenizer_run", "run"));
        }
    }

    @ParameterizedTest
    @CsvSource({"256, U8", "257, I16", "32768, I16", "32769, I32", "100000, I32"})
    void writes_codes_in_the_smallest_type_that_fits(int size, String type) {
        Tensor codes = Tensors.longs(0, size - 1).reshape(2, 1, 1);
        try (TokenFile file = TokenFile.of(codes, size).build()) {
            file.write(path);
        }
        try (TensorFile file = TensorFile.open(path)) {
            assertThat(file.dtype("codes")).isEqualTo(type);
        }
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(Tensors.toLongs(file.codes())).containsExactly(0, size - 1);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"Char", "Short", "Int", "Long", "Byte"})
    void reads_codes_and_labels_of_any_integer_type(ScalarType type) {
        write(
                Map.of(
                        "codes",
                        Tensors.longs(0, 100, 3, 4).to(type).reshape(2, 1, 2),
                        "labels",
                        Tensors.longs(2, 0).to(type)),
                Map.of("codebook_size", "1000"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(Tensors.toLongs(file.codes())).containsExactly(0, 100, 3, 4);
            assertThat(Tensors.toLongs(file.labels().orElseThrow())).containsExactly(2, 0);
        }
    }

    @ParameterizedTest
    @CsvSource({"U8, 1, 200", "U16, 2, 50000", "U32, 4, 70000", "U64, 8, 70000"})
    void reads_unsigned_codes_and_labels_as_numpy_writes_them(String type, int bytes, int large) throws IOException {
        ByteBuffer data = ByteBuffer.allocate(6 * bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int each : new int[] {0, large, 3, 4, 2, 0}) {
            for (int i = 0; i < bytes; i++) {
                data.put((byte) ((long) each >> 8 * i));
            }
        }
        raw(type, bytes, data.array());
        for (long most : new long[] {Long.MAX_VALUE, 0}) { // in memory and on the disk
            try (TokenFile file = TokenFile.read(path, most)) {
                assertThat(Tensors.toLongs(file.codes())).containsExactly(0, large, 3, 4);
                assertThat(Tensors.toLongs(file.batchCodes(Tensors.longs(0)))).containsExactly(0, large);
                assertThat(Tensors.toLongs(file.labels().orElseThrow())).containsExactly(2, 0);
                assertThat(file.occurring()).containsExactly(0, 2);
            }
        }
        assertThat(TensorFile.open(path).dtype("codes")).isEqualTo(type);
    }

    @Test
    void refuses_unsigned_codes_that_no_codebook_has() throws IOException {
        byte[] data = new byte[48];
        data[3] = 1;
        raw("U64", 8, data);
        assertRefused("codes must be below 100000, got 16777216 at [0, 0, 0]");
        data[7] = -1;
        raw("U64", 8, data);
        assertRefused("tensor codes must have unsigned numbers below 2^63");
    }

    /** Two grids of two codes, and two labels. */
    private void raw(String type, int bytes, byte[] data) throws IOException {
        String header = ("{\"codes\":{\"dtype\":\"%1$s\",\"shape\":[2,1,2],\"data_offsets\":[0,%2$d]},"
                        + "\"labels\":{\"dtype\":\"%1$s\",\"shape\":[2],\"data_offsets\":[%2$d,%3$d]},"
                        + "\"__metadata__\":{\"codebook_size\":\"%4$d\"}}")
                .formatted(type, 4 * bytes, 6 * bytes, bytes == 1 ? 256 : 100_000);
        ByteBuffer file = ByteBuffer.allocate(8 + header.length() + data.length).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length())
                .put(header.getBytes(StandardCharsets.UTF_8))
                .put(data);
        Files.write(path, file.array());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "class_names",
                "classes",
                "codebook_size",
                "copies",
                "format", // not what they should be
                "other" // where what is there is listed
            })
    void quotes_little_of_what_is_wrong(String key) {
        Map<String, String> strings = new LinkedHashMap<>(Map.of("codebook_size", "300"));
        strings.put(key, "a\n".repeat(20_000));
        if (key.equals("other")) {
            strings.remove("codebook_size");
            strings.put("b".repeat(40_000), "");
        }
        write(Map.of("codes", grids(2), "labels", Tensors.longs(0, 1)), strings);
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenFile.read(path).close())
                .satisfies(e -> assertThat(e.getMessage().replace(path.toString(), ""))
                        .hasSizeLessThan(250)
                        .doesNotContain("\n"));
    }

    @Test
    void bounds_the_names_of_classes() {
        for (String names : new String[] {
            "[\"" + "a".repeat(40_000) + "\"]",
            "[3]",
            "[[]]",
            "[\"a\"",
            "[\"a\"] 1",
            "{}",
            "",
            "null",
            "[" + "\"\",".repeat(1 << 20) + "\"\"]"
        }) {
            write(Map.of("codes", grids(2)), Map.of("codebook_size", "300", "class_names", names));
            assertRefused("class_names must");
        }
    }

    @Test
    void needs_only_codes_and_the_size_of_the_codebook() {
        write(Map.of("codes", grids(3)), Map.of("codebook_size", "300"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.labels()).isEmpty();
            assertThat(file.codebook()).isEmpty();
            assertThat(file.noiseSeeds()).isEmpty();
            assertThat(file.tokenizer()).isEmpty();
            assertThat(file.tokenizerRun()).isEmpty();
            assertThat(file.classes()).isZero();
            assertThat(file.classNames()).isEmpty();
            assertThat(file.metadata()).isEmpty();
        }
    }

    @Test
    void counts_classes_from_the_labels_where_nothing_else_says() {
        write(Map.of("codes", grids(2), "labels", Tensors.longs(4, 0)), Map.of("codebook_size", "300"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.classes()).isEqualTo(5);
        }
    }

    @Test
    void counts_classes_from_their_names_where_no_number_is_given() {
        write(
                Map.of("codes", grids(2), "labels", Tensors.longs(0, 0)),
                Map.of("codebook_size", "300", "class_names", "[\"a\", \"b\"]"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.classes()).isEqualTo(2);
        }
    }

    @Test
    void reads_the_grids_of_several_steps() {
        Tensor codes = Tensors.longs(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).reshape(2, 3, 1, 2);
        write(Map.of("codes", codes), Map.of("codebook_size", "12"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.space().depth()).isEqualTo(3);
            assertThat(file.space()).isEqualTo(new TokenSpace(12, 1, 2, 3));
            assertThat(Dims.of(file.batchCodes(Tensors.longs(1)))).containsExactly(1, 3, 1, 2);
        }
    }

    @Test
    void reads_tokens_that_python_saved_as_a_format_of_its_own() {
        write(Map.of("codes", grids(2)), Map.of("codebook_size", "300", "format", "pt"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.size()).isEqualTo(2);
        }
    }

    @Test
    void takes_batches_in_the_order_of_the_indices() {
        try (TokenFile file = TokenFile.of(Tensors.longs(0, 1, 2, 3, 4, 5).reshape(3, 1, 2), 6)
                .labels(Tensors.longs(7, 8, 9))
                .build()) {
            Tensor codes = file.batchCodes(Tensors.longs(2, 0, 2));
            assertThat(codes.scalar_type().intern()).isEqualTo(ScalarType.Long);
            assertThat(Dims.of(codes)).containsExactly(3, 1, 2);
            assertThat(Tensors.toLongs(codes)).containsExactly(4, 5, 0, 1, 4, 5);
            Tensor labels = file.batchLabels(Tensors.longs(2, 0, 2));
            assertThat(labels.scalar_type().intern()).isEqualTo(ScalarType.Long);
            assertThat(Tensors.toLongs(labels)).containsExactly(9, 7, 9);
        }
    }

    @Test
    void labels_a_batch_with_minus_one_where_there_are_no_labels() {
        try (TokenFile file = TokenFile.of(grids(3), 300).build()) {
            assertThat(Tensors.toLongs(file.batchLabels(Tensors.longs(2, 0)))).containsExactly(-1, -1);
        }
    }

    @Test
    void survives_the_scope_in_which_it_was_read_until_it_is_closed() {
        write(
                Map.of("codes", grids(2), "labels", Tensors.longs(0, 1), "codebook", Tensors.zeros(300, 2)),
                Map.of("codebook_size", "300"));
        TokenFile file = Scope.value(() -> TokenFile.read(path));
        assertThat(Tensors.toLongs(file.batchLabels(Tensors.longs(1)))).containsExactly(1);
        assertThat(file.codebook().orElseThrow().vectors().size(0)).isEqualTo(300);

        file.close();
        file.close();

        assertThat(file.codes().isNull()).isTrue();
        assertThat(file.labels().orElseThrow().isNull()).isTrue();
    }

    @Test
    void leaves_the_tensors_alone_that_it_was_built_from() {
        Tensor codes = grids(2);
        TokenFile.of(codes, 300).build().close();
        assertThat(Tensors.toLongs(codes)).hasSize(8);
    }

    @Test
    void leaves_no_handles_behind() {
        round();
        long before = Pointer.totalCount();
        for (int i = 0; i < 100; i++) {
            round();
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    @Test
    void has_the_fingerprint_of_its_contents() {
        String fingerprint = fingerprint(grids(2), 300, 0, 1);
        assertThat(fingerprint).matches("[0-9a-f]{64}");
        assertThat(fingerprint(grids(2).to(ScalarType.Int), 300, 0, 1)).isEqualTo(fingerprint);
        assertThat(fingerprint(grids(2), 301, 0, 1)).isNotEqualTo(fingerprint);
        assertThat(fingerprint(grids(2), 300, 1, 1)).isNotEqualTo(fingerprint);
        assertThat(fingerprint(grids(2).reshape(2, 1, 4), 300, 0, 1)).isNotEqualTo(fingerprint);
        assertThat(fingerprint(grids(2).flip(0), 300, 0, 1)).isNotEqualTo(fingerprint);
    }

    @Test
    void keeps_its_fingerprint_when_it_is_written_and_read() {
        try (TokenFile file =
                TokenFile.of(grids(2), 300).labels(Tensors.longs(1, 0)).build()) {
            file.write(path);
            try (TokenFile read = TokenFile.read(path)) {
                assertThat(read.fingerprint()).isEqualTo(file.fingerprint());
            }
        }
    }

    @Test
    void reads_a_million_grids() {
        write(
                Map.of("codes", torch.zeros(new long[] {1_000_000, 2, 2}, new TensorOptions(ScalarType.Short))),
                Map.of("codebook_size", "1024"));
        try (TokenFile file = TokenFile.read(path)) {
            assertThat(file.size()).isEqualTo(1_000_000);
            assertThat(file.codes().nbytes()).isEqualTo(8_000_000);
        }
    }

    @Test
    void keeps_how_many_grids_are_of_one_image() {
        Scope.free(() -> {
            try (TokenFile file =
                    TokenFile.of(Tensors.filled(1, 6, 2, 2), 5).copies(3).build()) {
                file.write(folder.resolve("copies.safetensors"));
            }
            try (TokenFile file = TokenFile.read(folder.resolve("copies.safetensors"))) {
                assertThat(file.copies()).isEqualTo(3);
            }
            assertThatThrownBy(() -> TokenFile.of(Tensors.filled(1, 6, 2, 2), 5)
                            .copies(4)
                            .build())
                    .hasMessage("copies must be a divisor of the 6 grids, got 4");
        });
    }

    @Test
    void refuses_a_missing_file() {
        assertRefused("there is no such file");
    }

    @Test
    void refuses_a_file_without_codes() {
        write(Map.of("weights", grids(1)), Map.of("codebook_size", "300"));
        assertRefused("a token file must have a tensor codes, got [weights]");
    }

    @Test
    void refuses_a_file_without_the_size_of_the_codebook() {
        write(Map.of("codes", grids(1)), Map.of("classes", "3"));
        assertRefused("metadata must have codebook_size, got [classes]");
    }

    @ParameterizedTest
    @CsvSource({
        "1, 'codebook_size must be at least 2, got 1'",
        "-5, 'codebook_size must be at least 2, got -5'",
        "many, 'codebook_size must be a whole number below 2^31, got many'",
        "4294967296, 'codebook_size must be a whole number below 2^31, got 4294967296'",
        "'', 'codebook_size must be a whole number below 2^31, got '"
    })
    void refuses_a_size_that_no_codebook_has(String size, String problem) {
        write(Map.of("codes", grids(1)), Map.of("codebook_size", size));
        assertRefused(problem);
    }

    @Test
    void refuses_codes_that_are_no_integers() {
        write(Map.of("codes", Tensors.zeros(2, 2, 2)), Map.of("codebook_size", "300"));
        assertRefused("codes must be integers, got Float");
        write(Map.of("codes", Tensors.zeros(2, 2, 2).to(ScalarType.Bool)), Map.of("codebook_size", "300"));
        assertRefused("codes must be integers, got Bool");
    }

    @Test
    void refuses_codes_beyond_the_codebook() {
        Tensor codes = Tensors.longs(0, 1, 2, 3, 4, 1024, 6, 7).reshape(2, 2, 2);
        write(Map.of("codes", codes), Map.of("codebook_size", "1024"));
        assertRefused("codes must be below 1024, got 1024 at [1, 0, 1]");
    }

    @Test
    void refuses_negative_codes() {
        Tensor codes = Tensors.longs(0, 1, 2, -3).to(ScalarType.Char).reshape(1, 2, 2);
        write(Map.of("codes", codes), Map.of("codebook_size", "1024"));
        assertRefused("codes must be 0 or more, got -3 at [0, 1, 1]");
    }

    @Test
    void refuses_codes_of_another_shape() {
        write(Map.of("codes", grids(2).reshape(2, 4)), Map.of("codebook_size", "300"));
        assertRefused("codes must have shape [N, h, w] or [N, T, h, w] (sequences [N, 1, L]), got [2, 4]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0,2,2", "2,0,2", "2,2,0", "2,0,2,2"})
    void refuses_a_file_of_nothing(String sizes) {
        long[] shape =
                List.of(sizes.split(",")).stream().mapToLong(Long::parseLong).toArray();
        write(Map.of("codes", torch.zeros(shape, new TensorOptions(ScalarType.Byte))), Map.of("codebook_size", "300"));
        assertRefused("codes must hold at least one grid, got shape " + Dims.text(shape));
    }

    @Test
    void refuses_labels_beyond_the_classes() {
        write(
                Map.of("codes", grids(3), "labels", Tensors.longs(0, 1, 2)),
                Map.of("codebook_size", "300", "classes", "2"));
        assertRefused("labels must be below 2, got 2 at [2]");
    }

    @Test
    void refuses_negative_labels() {
        write(Map.of("codes", grids(2), "labels", Tensors.longs(0, -1)), Map.of("codebook_size", "300"));
        assertRefused("labels must be 0 or more, got -1 at [1]");
    }

    @Test
    void refuses_another_number_of_labels() {
        write(Map.of("codes", grids(3), "labels", Tensors.longs(0, 1)), Map.of("codebook_size", "300"));
        assertRefused("labels must have shape [3], got [2]");
    }

    @Test
    void refuses_labels_that_are_no_integers() {
        write(Map.of("codes", grids(2), "labels", Tensors.floats(0, 1)), Map.of("codebook_size", "300"));
        assertRefused("labels must be integers, got Float");
    }

    @Test
    void refuses_labels_that_no_class_number_can_count() {
        write(Map.of("codes", grids(1), "labels", Tensors.longs(1L << 31)), Map.of("codebook_size", "300"));
        assertRefused("labels must be below 2147483647, got 2147483648");
    }

    @Test
    void refuses_labels_without_classes() {
        write(Map.of("codes", grids(1), "labels", Tensors.longs(0)), Map.of("codebook_size", "300", "classes", "0"));
        assertRefused("classes must be 1 or more where there are labels, got 0");
    }

    @Test
    void refuses_a_number_of_classes_that_is_none() {
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "classes", "-1"));
        assertRefused("classes must be 0 or more, got -1");
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "classes", "ten"));
        assertRefused("classes must be a whole number below 2^31, got ten");
    }

    @Test
    void refuses_another_number_of_class_names() {
        write(
                Map.of("codes", grids(1)),
                Map.of("codebook_size", "300", "classes", "3", "class_names", "[\"a\",\"b\"]"));
        assertRefused("class_names must name the 3 classes, got 2 names");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a,b", "{}", "[1]", "[\"a\"", "", "null", "[\"a\"] [\"b\"]", "[null]"})
    void refuses_class_names_that_are_no_list_of_strings(String names) {
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "class_names", names));
        assertRefused("class_names must be a JSON array of strings, got ");
    }

    @Test
    void refuses_a_codebook_of_another_size() {
        write(Map.of("codes", grids(1), "codebook", Tensors.zeros(5, 2)), Map.of("codebook_size", "300"));
        assertRefused("codebook must have 300 rows, as many as codebook_size says, got 5");
    }

    @Test
    void refuses_a_codebook_that_is_no_table_of_finite_floats() {
        write(Map.of("codes", grids(1), "codebook", Tensors.zeros(300)), Map.of("codebook_size", "300"));
        assertRefused("codebook must have shape [?, ?], got [300]");
        write(Map.of("codes", grids(1), "codebook", grids(300)), Map.of("codebook_size", "300"));
        assertRefused("codebook must have floats, got Long");
    }

    @Test
    void refuses_another_number_of_noise_seeds() {
        write(Map.of("codes", grids(2), "noise_seeds", Tensors.longs(1)), Map.of("codebook_size", "300"));
        assertRefused("noise_seeds must have shape [2], got [1]");
    }

    @Test
    void refuses_a_newer_format_by_name() {
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "format", "2"));
        assertRefused("its token format is 2, but this version reads up to 1: use a newer one");
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "format", "new"));
        assertRefused("format must be a whole number below 2^31, got new");
        write(Map.of("codes", grids(1)), Map.of("codebook_size", "300", "format", "0"));
        assertRefused("format must be 1 or more, got 0");
    }

    @Test
    void refuses_to_be_built_from_what_it_would_not_read() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> TokenFile.of(Tensors.longs(9).reshape(1, 1, 1), 9).build())
                .withMessage("codes must be below 9, got 9 at [0, 0, 0]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenFile.of(grids(1), 300)
                        .metadata(Map.of("classes", "3"))
                        .build())
                .withMessage("metadata classes is set by its own name");
    }

    @Test
    void says_how_to_write_codes_that_are_still_to_come() {
        assertThatThrownBy(() -> TokenFile.of(new TokenSpace(9, 2, 2)).build())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("there are no codes yet: write them with a TokenWriter");
    }

    private void round() {
        Scope.free(() -> {
            try (TokenFile file = TokenFile.of(grids(2), 300)
                    .labels(Tensors.longs(0, 1))
                    .codebook(new Codebook(Tensors.zeros(300, 2)))
                    .build()) {
                file.write(path);
            }
            try (TokenFile file = TokenFile.read(path)) {
                file.batchCodes(Tensors.longs(1));
                file.fingerprint();
            }
        });
    }

    private void write(Map<String, Tensor> tensors, Map<String, String> metadata) {
        TensorFile.write(path, new LinkedHashMap<>(tensors), metadata);
    }

    private void assertRefused(String problem) {
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenFile.read(path).close())
                .withMessageStartingWith(path + ": ")
                .withMessageContaining(problem);
    }

    private static String fingerprint(Tensor codes, int size, long... labels) {
        try (TokenFile file = TokenFile.of(codes, size)
                .labels(Tensors.longs(labels))
                .classes(2)
                .build()) {
            return file.fingerprint();
        }
    }

    /** {@code count} grids of 2 × 2 with codes below 300, int64. */
    private static Tensor grids(long count) {
        return torch.arange(new Scalar(4 * count), new TensorOptions(ScalarType.Long))
                .remainder(new Scalar(300L))
                .reshape(count, 2, 2);
    }
}
