package dev.smalti.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.run.TokenOutput.Target;
import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Scope;
import dev.smalti.tensor.Tensors;
import dev.smalti.token.TokenFile;
import dev.smalti.token.TokenSpace;
import dev.smalti.token.TokenWriter.Column;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenOutputTest {
    private static final TokenSpace SPACE = new TokenSpace(300, 2, 3);
    private static final Set<Column> LABELS = EnumSet.of(Column.LABELS);
    private static final Identity REQUEST = Identity.of(Map.of("batch", 3, "data", "abc"));

    @TempDir
    Path folder;

    private Path out;

    @BeforeEach
    void name_the_place() {
        out = folder.resolve("out");
    }

    @ParameterizedTest
    @CsvSource({"12, 12, 5", "12, 12, 4", "12, 12, 100", "12, 11, 4", "12, 8, 4", "12, 9, 4", "12, 12, 1"})
    void shards_hold_together_what_one_file_holds(int planned, int came, int shard) throws IOException {
        Path one = folder.resolve("one");
        write(output(Target.file(one), planned), 0, came).close();
        try (TokenOutput output = output(new Target(out, shard, false), planned)) {
            write(output, 0, came);
        }
        int files = (came + shard - 1) / shard;
        assertThat(names(out))
                .containsExactlyElementsOf(LongStream.range(0, files)
                        .mapToObj("%05d.safetensors"::formatted)
                        .toList());
        try (TokenFile whole = TokenFile.read(one);
                TokenFile shards = TokenFile.read(out)) {
            assertThat(shards.size()).isEqualTo(came);
            assertThat(shards.fingerprint()).isEqualTo(whole.fingerprint());
            shards.write(folder.resolve("joined"));
        }
        assertThat(folder.resolve("joined")).hasSameBinaryContentAs(one);
        assertThat(names(folder)).containsExactly("joined", "one", "out");
    }

    @ParameterizedTest
    @CsvSource({
        "0, 12, 3, false",
        "0, 12, 6, true",
        "0, 12, 12, false",
        "0, 10, 6, true",
        "0, 9, 9, false",
        "4, 12, 3, true",
        "4, 12, 6, false",
        "4, 12, 9, true",
        "4, 12, 12, false",
        "4, 10, 9, true",
        "4, 8, 6, false"
    })
    void goes_on_where_it_was_stopped_or_killed_and_comes_to_the_same_bytes(
            int shard, int came, int stopped, boolean killed) throws IOException {
        Path plain = folder.resolve("plain");
        try (TokenOutput output = output(new Target(plain, shard, false), 12)) {
            write(output, 0, came);
        }
        TokenOutput first = output(new Target(out, shard, true), 12);
        add(first, 0, Math.min(stopped, came));
        if (killed) {
            kill(first);
        } else {
            first.close();
        }
        assertThat(out).doesNotExist();
        try (TokenOutput second = output(new Target(out, shard, true), 12)) {
            assertThat(second.grids()).isEqualTo(second.items()).isPositive();
            if (!killed) {
                assertThat(second.grids()).isEqualTo(Math.min(stopped, came));
            }
            write(second, (int) second.items(), came);
        }
        assertThat(names(folder)).containsExactly("out", "plain");
        if (shard == 0) {
            assertThat(out).hasSameBinaryContentAs(plain);
            return;
        }
        assertThat(names(out)).isEqualTo(names(plain));
        for (String name : names(plain)) {
            assertThat(out.resolve(name)).hasSameBinaryContentAs(plain.resolve(name));
        }
    }

    @ParameterizedTest
    @CsvSource({"0, 00000.safetensors", "4, 00002.safetensors"})
    void ends_what_was_killed_when_its_last_file_was_short_already(int shard, String last) throws IOException {
        Path plain = folder.resolve("plain");
        try (TokenOutput output = output(new Target(plain, shard, false), 12)) {
            write(output, 0, 10);
        }
        try (TokenOutput output = output(new Target(out, shard, true), 12)) {
            add(output, 0, 10);
        }
        Path whole = shard == 0 ? plain : plain.resolve(last);
        Files.copy(whole, folder.resolve(".out.part").resolve(last), StandardCopyOption.REPLACE_EXISTING);
        try (TokenOutput output = output(new Target(out, shard, true), 12)) {
            output.finish();
        }
        assertThat(shard == 0 ? out : out.resolve(last)).hasSameBinaryContentAs(whole);
        assertThat(names(folder)).containsExactly("out", "plain");
    }

    @Test
    void leaves_nothing_where_it_is_not_to_be_gone_on_with_or_nothing_was_written() throws IOException {
        for (int shard : new int[] {0, 4}) {
            try (TokenOutput output = output(new Target(out, shard, false), 12)) {
                add(output, 0, 6);
            }
            TokenOutput none = output(new Target(out, shard, true), 12);
            assertThatIllegalStateException().isThrownBy(none::finish).withMessageContaining("at least one grid");
            none.close();
        }
        assertThat(names(folder)).isEmpty();
    }

    @Test
    void goes_on_with_its_own_request_alone() throws IOException {
        try (TokenOutput output = output(new Target(out, 0, true), 12)) {
            add(output, 0, 6);
        }
        Identity other = Identity.of(Map.of("batch", 4, "data", "abc"));
        assertThatThrownBy(() -> new TokenOutput(new Target(out, 0, true), facts(), 12, LABELS, other))
                .isInstanceOf(JobException.class)
                .hasMessage(
                        folder.resolve(".out.part") + " holds tokens of another request (other: batch), which cannot"
                                + " be gone on with: give the same model and options as before, or delete it");
        assertThat(names(folder)).containsExactly(".out.part");

        Path state = folder.resolve(".out.part").resolve("state.json");
        assertThat(state).content().contains("\"batch\" : 3").contains("\"grids\" : 6");
        Files.writeString(state, "");
        assertThatThrownBy(() -> output(new Target(out, 0, true), 12))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("state.json")
                .hasMessageContaining("delete it, and all is written anew");

        Files.writeString(folder.resolve(".out.part").resolve("00001.png"), "an image");
        assertThatThrownBy(() -> output(new Target(out, 0, true), 12))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("holds something else than tokens, 00001.png");
    }

    @Test
    void goes_on_only_to_a_name_that_is_free_and_never_overwrites_a_folder() throws IOException {
        Files.writeString(out, "there");
        assertThatThrownBy(() -> output(new Target(out, 0, true), 12))
                .hasMessageContaining("is there already, and --resume needs an --out that is not");
        assertThatThrownBy(() -> output(new Target(out, 4, false), 12)).hasMessageContaining("is a file");
        Path full = Files.createDirectory(folder.resolve("full"));
        Files.writeString(full.resolve("x"), "there");
        assertThatThrownBy(() -> output(new Target(full, 4, false), 12)).hasMessageContaining("is not empty");
        assertThatThrownBy(() -> output(new Target(full, 0, false), 12)).hasMessageContaining("is a folder");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        try (TokenOutput output = output(new Target(empty, 4, false), 12)) {
            write(output, 0, 12);
        }
        assertThat(names(empty)).hasSize(3);
    }

    @ParameterizedTest
    @CsvSource({"0, true", "0, false", "4, true", "4, false"})
    void is_written_by_one_at_a_time(int shard, boolean resume) throws IOException {
        Target target = new Target(out, shard, resume);
        try (TokenOutput output = output(target, 12)) {
            assertThatThrownBy(() -> output(target, 12))
                    .isInstanceOf(JobException.class)
                    .hasMessageContaining(out + " is being worked on by this process");
            write(output, 0, 12);
        }
        assertThat(names(folder)).containsExactly("out");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 4})
    void deletes_what_a_killed_process_left_of_the_same_file(int shard) throws IOException {
        Path left = AtomicFile.of(out).path();
        Files.writeString(shard == 0 ? left : Files.createDirectory(left).resolve("00000.safetensors"), "half");
        try (TokenOutput output = output(new Target(out, shard, false), 12)) {
            write(output, 0, 12);
        }
        assertThat(names(folder)).containsExactly("out");
    }

    @Test
    void forgets_what_was_left_by_a_process_that_was_killed_as_it_ended() throws IOException {
        try (TokenOutput output = output(Target.file(out), 12)) {
            write(output, 0, 12);
        }
        Path part = Files.createDirectory(folder.resolve(".out.part"));
        Files.writeString(part.resolve("state.json"), "{}");
        assertThatThrownBy(() -> output(new Target(out, 0, true), 12)).hasMessageContaining("is there already");
        assertThat(names(folder)).containsExactly("out");
    }

    /** Leaves what is there at this moment. */
    private void kill(TokenOutput output) throws IOException {
        Path part = folder.resolve(".out.part");
        Path now = Files.createDirectory(folder.resolve("now"));
        for (String name : names(part)) {
            Files.copy(part.resolve(name), now.resolve(name));
        }
        output.close();
        AtomicFile.discard(part);
        Files.move(now, part);
        Files.writeString(part.resolve(".smalti-1a2b3c4d-5e6f.part"), "half a state");
    }

    private static TokenOutput output(Target target, int planned) {
        return new TokenOutput(target, facts(), planned, LABELS, target.resume() ? REQUEST : null);
    }

    private static TokenFile.Builder facts() {
        return TokenFile.of(SPACE).classes(3).tokenizer("abc");
    }

    private static TokenOutput write(TokenOutput output, int from, int end) {
        add(output, from, end);
        output.finish();
        return output;
    }

    /** In batches of three. */
    private static void add(TokenOutput output, int from, int end) {
        for (int i = from; i < end; i += 3) {
            int first = i;
            int last = Math.min(end, i + 3);
            Scope.free(() -> output.add(
                    codes(first, last),
                    Tensors.longs(LongStream.range(first, last).map(j -> j % 3).toArray()),
                    null,
                    last));
        }
    }

    private static Tensor codes(int from, int end) {
        return SPACE.grids(Tensors.longs(LongStream.range(from * SPACE.size(), end * SPACE.size())
                .map(i -> i * i % 300)
                .toArray()));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }
}
