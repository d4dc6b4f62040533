package dev.smalti.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Dims;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenShardsTest {
    private static final TokenSpace SPACE = new TokenSpace(300, 2, 2, 2);

    @TempDir
    Path folder;

    private Path shards;
    private Path whole;

    @BeforeEach
    void write_three_shards_and_the_same_as_one_file() throws IOException {
        shards = Files.createDirectory(folder.resolve("shards"));
        whole = folder.resolve("whole.safetensors");
        write(whole, 0, 9, each -> each);
        write(shards.resolve("b.safetensors"), 4, 1, each -> each); // not in the order in which they are read
        write(shards.resolve("a.safetensors"), 0, 4, each -> each);
        write(shards.resolve("c.safetensors"), 5, 4, each -> each);
        Files.writeString(shards.resolve("README"), "no tokens");
        Files.writeString(shards.resolve("._a.safetensors"), "what a Mac leaves");
    }

    @ParameterizedTest
    @ValueSource(longs = {0, Long.MAX_VALUE})
    void are_read_as_one_file_from_memory_and_from_the_disk(long most) {
        Scope.free(() -> {
            try (TokenFile one = TokenFile.read(whole, Long.MAX_VALUE);
                    TokenFile disk = TokenFile.read(whole, 0);
                    TokenFile three = TokenFile.read(shards, most)) {
                for (TokenFile each : List.of(disk, three)) {
                    assertThat(each.size()).isEqualTo(9);
                    assertThat(each.space()).isEqualTo(SPACE);
                    assertThat(each.classNames()).isEqualTo(one.classNames());
                    assertThat(each.classes()).isEqualTo(3);
                    assertThat(each.fingerprint()).isEqualTo(one.fingerprint());
                    assertThat(each.codes().equal(one.codes())).isTrue();
                    Tensor which = Tensors.longs(8, 3, 4, 4, 0, 5, 6);
                    Tensor codes = each.batchCodes(which);
                    assertThat(Dims.of(codes)).containsExactly(7, 2, 2, 2);
                    assertThat(codes.scalar_type().intern()).isEqualTo(ScalarType.Long);
                    assertThat(codes.equal(one.batchCodes(which))).isTrue();
                    assertThat(each.batchLabels(which).equal(one.batchLabels(which)))
                            .isTrue();
                    assertThat(each.batchNoiseSeeds(which)
                                    .orElseThrow()
                                    .equal(one.batchNoiseSeeds(which).orElseThrow()))
                            .isTrue();
                    assertThatThrownBy(() -> each.batchCodes(Tensors.longs(9)))
                            .isInstanceOf(IndexOutOfBoundsException.class)
                            .hasMessageContaining("from 0 to 8");
                }
                three.write(folder.resolve("joined.safetensors"));
            }
        });
        assertThat(folder.resolve("joined.safetensors")).hasSameBinaryContentAs(whole);
    }

    static Stream<Arguments> strangers() {
        return Stream.of(
                Arguments.of("tokenizer abc and other", (UnaryOperator<TokenFile.Builder>) it -> it.tokenizer("other")),
                Arguments.of("class_names [a, b, c] and [a, b, d]", (UnaryOperator<TokenFile.Builder>)
                        it -> it.classNames(List.of("a", "b", "d"))),
                Arguments.of("3 classes and 4", (UnaryOperator<TokenFile.Builder>)
                        it -> it.classNames(List.of("a", "b", "c", "d"))),
                Arguments.of("another codebook", (UnaryOperator<TokenFile.Builder>)
                        it -> it.codebook(new Codebook(Tensors.zeros(300, 2)))),
                Arguments.of("copies 1 and 2", (UnaryOperator<TokenFile.Builder>) it -> it.copies(2)));
    }

    @ParameterizedTest
    @MethodSource("strangers")
    void are_refused_where_two_differ(String difference, UnaryOperator<TokenFile.Builder> change) {
        write(shards.resolve("c.safetensors"), 0, 4, change);
        assertRefused("its files must be of one data set, but a.safetensors and c.safetensors differ: " + difference);
    }

    @Test
    void are_refused_with_other_codes_grids_or_columns() {
        write(TokenFile.of(Tensors.filled(1, 2, 2, 2, 2), 301));
        assertRefused("2x2x2 tokens of 300 codes and 2x2x2 tokens of 301 codes");
        write(TokenFile.of(Tensors.filled(1, 2, 2, 3), 300));
        assertRefused("2x2x2 tokens of 300 codes and 2x3 tokens of 300 codes");
        write(TokenFile.of(Tensors.filled(1, 2, 2, 2, 2), 300));
        assertRefused("one says how many classes there are, and one doesn't");
        write(TokenFile.of(Tensors.filled(1, 2, 2, 2, 2), 300).classes(3));
        assertRefused("one has labels, and one has none");
        write(TokenFile.of(Tensors.filled(1, 2, 2, 2, 2), 300).classes(3).labels(Tensors.longs(0, 0)));
        assertRefused("one has noise_seeds, and one has none");
    }

    @Test
    void are_each_checked_as_a_file_alone() throws IOException {
        try (RandomAccessFile file =
                new RandomAccessFile(shards.resolve("b.safetensors").toFile(), "rw")) {
            file.setLength(file.length() - 1);
        }
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenFile.read(shards))
                .withMessageStartingWith(shards.resolve("b.safetensors") + ": ")
                .withMessageContaining("is the file truncated?");
    }

    @Test
    void count_classes_over_all_files_where_none_says_their_number() {
        for (int i = 0; i < 3; i++) {
            Path file = shards.resolve("abc".charAt(i) + ".safetensors");
            try (TokenFile each = TokenFile.of(Tensors.filled(1, 1, 2, 2), 300)
                    .labels(Tensors.longs(3 - i))
                    .build()) {
                TensorFile.write(
                        file,
                        Map.of("codes", each.codes(), "labels", each.labels().orElseThrow()),
                        Map.of("codebook_size", "300"));
            }
        }
        try (TokenFile read = TokenFile.read(shards)) {
            assertThat(read.classes()).isEqualTo(4);
        }
    }

    @Test
    void a_folder_without_any_is_refused() throws IOException {
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenFile.read(empty))
                .withMessage(empty + ": must be a token file or a folder of them, and has no .safetensors");
    }

    @Test
    void a_file_that_became_shorter_while_it_stayed_on_the_disk_is_named() throws IOException {
        try (TokenFile read = TokenFile.read(whole, 0)) {
            try (RandomAccessFile file = new RandomAccessFile(whole.toFile(), "rw")) {
                file.setLength(file.length() - 4);
            }
            assertThatExceptionOfType(BadFileException.class)
                    .isThrownBy(() -> read.batchCodes(Tensors.longs(8)))
                    .withMessage(whole + ": tensor codes was cut off while it was read");
        }
    }

    @Test
    void hold_what_is_the_same_for_all_once() {
        long before = Pointer.totalCount();
        long[] held = new long[2];
        for (int i = 0; i < 2; i++) {
            Path read = i == 0 ? whole : shards;
            try (TokenFile file = Scope.value(() -> TokenFile.read(read, 0))) {
                held[i] = Pointer.totalCount() - before;
                double sum = Scope.value(
                        () -> file.codebook().orElseThrow().vectors().sum().item_double());
                assertThat(sum).isEqualTo(600);
            }
        }
        assertThat(held[1]).isEqualTo(held[0]).isPositive();
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    @Test
    void leave_no_handles_behind() {
        Runnable round = () -> Scope.free(() -> {
            for (long most : new long[] {0, Long.MAX_VALUE}) {
                try (TokenFile read = TokenFile.read(shards, most)) {
                    read.batchCodes(Tensors.longs(8, 1));
                    read.fingerprint();
                }
            }
        });
        round.run();
        long before = Pointer.totalCount();
        for (int i = 0; i < 20; i++) {
            round.run();
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    private void assertRefused(String problem) {
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenFile.read(shards).close())
                .withMessageStartingWith(shards + ": ")
                .withMessageContaining(problem);
    }

    private void write(TokenFile.Builder builder) {
        try (TokenFile file = builder.build()) {
            file.write(shards.resolve("c.safetensors"));
        }
    }

    private static void write(Path file, int from, int count, UnaryOperator<TokenFile.Builder> change) {
        Tensor codes = SPACE.grids(Tensors.longs(LongStream.range(from * SPACE.size(), (from + count) * SPACE.size())
                .map(i -> i * i % 300)
                .toArray()));
        TokenFile.Builder builder = TokenFile.of(codes, 300)
                .labels(Tensors.longs(
                        LongStream.range(from, from + count).map(i -> i % 3).toArray()))
                .noiseSeeds(Tensors.longs(LongStream.range(from, from + count).toArray()))
                .codebook(new Codebook(Tensors.ones(300, 2)))
                .classNames(List.of("a", "b", "c"))
                .tokenizer("abc");
        try (TokenFile tokens = change.apply(builder).build()) {
            tokens.write(file);
        }
    }
}
