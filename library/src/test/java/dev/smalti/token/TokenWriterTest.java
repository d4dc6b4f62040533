package dev.smalti.token;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.sun.management.ThreadMXBean;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenWriter.Column;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenWriterTest {
    private static final Set<Column> BOTH = EnumSet.allOf(Column.class);
    private static final int COUNT = 11;

    @TempDir
    Path folder;

    private Path file;
    private Path once;

    @BeforeEach
    void name_the_files() {
        file = folder.resolve("batches.safetensors");
        once = folder.resolve("once.safetensors");
    }

    @ParameterizedTest
    @CsvSource({"7, 1, Byte", "300, 1, Short", "40000, 1, Int", "300, 3, Short", "40000, 2, Int"})
    void makes_of_batches_the_bytes_of_all_at_once(int size, int depth, String type) {
        TokenSpace space = new TokenSpace(size, 2, 3, depth);
        writeOnce(space, COUNT, ScalarType.valueOf(type));
        try (TokenWriter writer = TokenWriter.of(file, facts(space), COUNT, BOTH)) {
            add(writer, space, 4);
            add(writer, space, 4);
            add(writer, space, 3);
            assertThat(file).doesNotExist();
            writer.finish();
        }
        assertThat(file).hasSameBinaryContentAs(once);
        try (TokenFile read = TokenFile.read(file)) {
            read.write(folder.resolve("again.safetensors"));
        }
        assertThat(folder.resolve("again.safetensors")).hasSameBinaryContentAs(once);
    }

    @Test
    @DisabledOnOs({OS.WINDOWS, OS.MAC}) // where a file without data takes its length on the disk
    void writes_and_reads_far_behind_two_billion_codes() {
        TokenSpace space = new TokenSpace(1024, 16, 16, 10);
        long count = 1_281_167; // ImageNet, as 3.3 billion codes in 6.6 GB
        TokenWriter.inPlace(file, facts(space), count, BOTH, 0).close();
        assertThat(file.toFile().length()).isGreaterThan(2 * count * space.size());
        Scope.free(() -> {
            try (TokenWriter writer = TokenWriter.inPlace(file, facts(space), count, BOTH, count - 3)) {
                Tensor labels = Tensors.longs(2, 1, 0);
                Tensor codes = space.grids(Tensors.longs(
                        LongStream.range(0, 3 * space.size()).map(i -> i % 1021).toArray()));
                writer.add(codes, labels, labels);
                try (Grids one = new Grids.Stored(TensorFile.open(file));
                        Grids two = new Grids.Stored(TensorFile.open(file))) {
                    Tensor last = Tensors.longs(count - 1, count - 3, 0, count - 2);
                    Tensor expected = Tensors.cat(List.of(codes, Tensors.filled(0, 1, 10, 16, 16)))
                            .index_select(0, Tensors.longs(2, 0, 3, 1));
                    assertThat(one.batch(last).equal(expected)).isTrue();
                    assertThat(one.rows(count - 3, 3).to(ScalarType.Long).equal(codes))
                            .isTrue();
                    Grids joined = Grids.Joined.of(List.of(one, two));
                    assertThat(joined.size()).isEqualTo(2 * count);
                    assertThat(joined.batch(last.add(new Scalar(count))).equal(joined.batch(last)))
                            .isTrue();
                }
            }
        });
    }

    @ParameterizedTest
    @ValueSource(longs = {12, 1_000_000})
    void leaves_out_what_was_planned_and_did_not_come(long planned) throws IOException {
        TokenSpace space = new TokenSpace(300, 2, 3);
        writeOnce(space, COUNT, ScalarType.Short);
        try (TokenWriter writer = TokenWriter.of(file, facts(space), planned, BOTH)) {
            add(writer, space, 8);
            add(writer, space, 3);
            writer.finish();
        }
        assertThat(file).hasSameBinaryContentAs(once);
        assertThat(names()).containsExactlyInAnyOrder("batches.safetensors", "once.safetensors");
    }

    @Test
    void leaves_nothing_when_it_is_closed_too_early() throws IOException {
        TokenSpace space = new TokenSpace(300, 2, 3);
        try (TokenWriter writer = TokenWriter.of(file, facts(space), COUNT, BOTH)) {
            add(writer, space, 8);
        }
        assertThat(names()).isEmpty();
    }

    @Test
    void goes_on_in_place_and_writes_again_what_was_not_counted() {
        TokenSpace space = new TokenSpace(300, 2, 3, 2);
        writeOnce(space, COUNT, ScalarType.Short);
        try (TokenWriter writer = TokenWriter.inPlace(file, facts(space), COUNT, BOTH, 0)) {
            add(writer, space, 4);
            add(writer, space, 3); // nobody was told of these
        }
        try (TokenWriter writer = TokenWriter.inPlace(file, facts(space), COUNT, BOTH, 4)) {
            assertThat(writer.done()).isEqualTo(4);
            add(writer, space, 4);
            add(writer, space, 3);
            writer.finish();
        }
        assertThat(file).hasSameBinaryContentAs(once);
    }

    @Test
    void goes_on_only_with_a_file_of_the_same_facts() {
        TokenSpace space = new TokenSpace(300, 2, 3);
        try (TokenWriter writer = TokenWriter.inPlace(file, facts(space), COUNT, BOTH, 0)) {
            add(writer, space, 4);
        }
        TokenFile.Builder other = facts(space).tokenizer("another");
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenWriter.inPlace(file, other, COUNT, BOTH, 4))
                .withMessage(file + ": has other tensors than those to go on with");
        assertThatExceptionOfType(BadFileException.class)
                .isThrownBy(() -> TokenWriter.inPlace(file, facts(space), COUNT + 1, BOTH, 4));
    }

    @Test
    void refuses_what_a_token_file_could_not_hold() {
        TokenSpace space = new TokenSpace(9, 1, 2);
        Tensor two = Tensors.longs(1, 2, 3, 4).view(2, 1, 2);
        try (TokenWriter writer = TokenWriter.of(file, TokenFile.of(space).classes(2), 3, EnumSet.of(Column.LABELS))) {
            assertThatIllegalStateException().isThrownBy(writer::finish).withMessageContaining("needs grids");
            writer.add(two, Tensors.longs(0, 1), null);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add(Tensors.longs(1, 9).view(1, 1, 2), Tensors.longs(0), null))
                    .withMessage("codes must be below 9, got 9 at [2, 0, 1]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add(two.narrow(0, 0, 1), Tensors.longs(2), null))
                    .withMessage("labels must be below 2, got 2 at [2]");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add(two, Tensors.longs(0, 1), null))
                    .withMessageContaining("takes 3 grids, got 2 behind 2");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add(two.narrow(0, 0, 1), null, null))
                    .withMessage("labels must be given with each grid, as planned, got none");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> writer.add(Tensors.longs(1, 2).view(1, 2, 1), Tensors.longs(0), null))
                    .withMessage("codes must have shape [?, 1, 2], got [1, 2, 1]");
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> TokenWriter.of(file, TokenFile.of(space), 3, EnumSet.of(Column.LABELS)))
                .withMessage("classes must be 1 or more where there are labels, got 0");
        try (TokenWriter writer =
                TokenWriter.of(file, TokenFile.of(space).copies(2), 4, EnumSet.noneOf(Column.class))) {
            writer.add(two.narrow(0, 0, 1), null, null);
            assertThatIllegalStateException().isThrownBy(writer::finish).withMessageContaining("2 of each image");
        }
        assertThat(file).doesNotExist();
    }

    @Test
    void writes_and_reads_more_than_two_to_the_31_codes_in_the_memory_of_a_batch() {
        TokenSpace space = new TokenSpace(256, 64, 64);
        long count = 524_300; // 2^31 codes and a few grids, in a file that has holes
        TokenFile.Builder facts = TokenFile.of(space).classes(5);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        Scope.free(() -> {
            try (TokenWriter writer = TokenWriter.inPlace(file, facts, count, EnumSet.of(Column.LABELS), 0)) {
                writer.add(Tensors.filled(7, 2, 64, 64), Tensors.longs(1, 2), null);
            }
            try (TokenWriter writer = TokenWriter.inPlace(file, facts, count, EnumSet.of(Column.LABELS), count - 2)) {
                writer.add(Tensors.filled(255, 2, 64, 64), Tensors.longs(3, 4), null);
                writer.finish();
            }
        });
        assertThat(threads.getCurrentThreadAllocatedBytes() - before)
                .as("bytes of the heap")
                .isLessThan(8 << 20);
        assertThat(file.toFile().length()).isGreaterThan(Integer.MAX_VALUE);
        Scope.free(() -> {
            try (TokenFile read = TokenFile.read(file)) {
                assertThat(read.size()).isEqualTo(count);
                Tensor which = Tensors.longs(count - 1, 0, 300_000, count - 2);
                assertThat(Tensors.toLongs(read.batchCodes(which).select(1, 63).select(1, 63)))
                        .containsExactly(255, 7, 0, 255);
                assertThat(Tensors.toLongs(read.batchLabels(which))).containsExactly(4, 1, 0, 3);
            }
        });
    }

    @Test
    void leaves_no_handles_behind() {
        Runnable round = () -> Scope.free(() -> {
            TokenSpace space = new TokenSpace(300, 2, 3, 2);
            try (TokenWriter writer = TokenWriter.of(file, facts(space), COUNT, BOTH)) {
                add(writer, space, 8);
                add(writer, space, 1);
                writer.finish();
            }
        });
        round.run();
        long before = Pointer.totalCount();
        for (int i = 0; i < 20; i++) {
            round.run();
        }
        assertThat(Pointer.totalCount()).isLessThanOrEqualTo(before);
    }

    /** By the general writer of tensors, with all that {@link #facts} says. */
    private void writeOnce(TokenSpace space, int count, ScalarType type) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("codes", codes(space, 0, count).to(type));
        tensors.put("labels", labels(0, count));
        tensors.put("noise_seeds", seeds(0, count));
        tensors.put("codebook", Tensors.ones(space.codes(), 2));
        Map<String, String> strings = new LinkedHashMap<>(Map.of(
                "format", "1",
                "codebook_size", "" + space.codes(),
                "classes", "3",
                "class_names", "[\"a\",\"b\",\"ü\"]",
                "tokenizer", "abc",
                "tokenizer_run", "runs/a",
                "source", "orchard"));
        if (space.depth() > 1) {
            tensors.put("alpha", Tensors.ones(space.depth()));
            tensors.put("phi.weight", Tensors.ones(2, 2, 3, 3));
            tensors.put("phi.bias", Tensors.ones(2));
        }
        TensorFile.write(once, tensors, strings);
    }

    private static TokenFile.Builder facts(TokenSpace space) {
        TokenFile.Builder facts = TokenFile.of(space)
                .codebook(new Codebook(Tensors.ones(space.codes(), 2)))
                .classes(3)
                .classNames(List.of("a", "b", "ü"))
                .tokenizer("abc")
                .tokenizerRun("runs/a")
                .metadata(Map.of("source", "orchard"));
        return space.depth() == 1
                ? facts
                : facts.accumulation(new Accumulation(
                        Tensors.ones(space.depth()),
                        Optional.of(Tensors.ones(2, 2, 3, 3)),
                        Optional.of(Tensors.ones(2))));
    }

    private static void add(TokenWriter writer, TokenSpace space, int count) {
        long from = writer.done();
        writer.add(codes(space, from, count), labels(from, count), seeds(from, count));
    }

    private static Tensor codes(TokenSpace space, long from, int count) {
        return space.grids(Tensors.longs(LongStream.range(from * space.size(), (from + count) * space.size())
                .map(i -> i * i * 31 % space.codes())
                .toArray()));
    }

    private static Tensor labels(long from, int count) {
        return Tensors.longs(
                LongStream.range(from, from + count).map(i -> i % 3).toArray());
    }

    private static Tensor seeds(long from, int count) {
        return Tensors.longs(LongStream.range(from, from + count)
                .map(i -> i * Long.MAX_VALUE / 3)
                .toArray());
    }

    private List<String> names() throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).toList();
        }
    }
}
