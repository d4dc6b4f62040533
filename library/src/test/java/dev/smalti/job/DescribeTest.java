package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.Allocation;
import dev.smalti.run.JobException;
import dev.smalti.tensor.TensorFile;
import dev.smalti.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DescribeTest {
    @TempDir
    private Path folder;

    @Test
    void takes_memory_for_codes_that_are_there_and_not_for_those_that_might_be() {
        Path file = tokens(Map.of("codebook_size", "2000000000"));
        assertThat(Allocation.of(() -> assertThat(facts(file))
                        .containsEntry("codes", 2_000_000_000)
                        .containsEntry("codes_used", 3)))
                .isLessThan(16 << 20);
    }

    @Test
    void takes_no_memory_for_classes_that_nothing_is_of() {
        Path file = tokens(Map.of("codebook_size", "2000000000", "classes", Integer.toString(Integer.MAX_VALUE)));
        assertThat(Allocation.of(() -> assertThat(facts(file))
                        .containsEntry("classes", Integer.MAX_VALUE)
                        .containsEntry("classes_without_grids", Integer.MAX_VALUE - 2)
                        .doesNotContainKey("grids_by_class")))
                .isLessThan(16 << 20);
    }

    @Test
    void counts_the_classes_that_have_no_grid() {
        assertThat(facts(tokens(Map.of("codebook_size", "2000000000"))))
                .containsEntry("classes", 8)
                .containsEntry("classes_without_grids", 6)
                .containsEntry("grids_by_class", List.of(0L, 0L, 0L, 1L, 0L, 0L, 0L, 1L));
    }

    @Test
    void shows_what_a_file_says_without_what_moves_the_cursor() {
        Path file = folder.resolve("weights.safetensors");
        TensorFile.write(
                file,
                Map.of("a\u001b[2Jb", Tensors.ones(2)),
                Map.of("key\u001b]0;", "value\r\u009b2J", "note", "x\ny"));
        Map<String, Object> facts = facts(file);
        assertThat(facts.get("metadata")).asString().contains("\u001b]0;", "\u009b2J");
        assertThat(Describe.text(facts))
                .contains("a?[2Jb", "key?]0;", "value ?2J", "x y")
                .matches(text -> text.chars().allMatch(c -> c == '\n' || !Character.isISOControl(c)));
    }

    @Test
    void a_folder_whose_first_file_is_broken_is_refused_as_that_file_is() throws IOException {
        Path file = Files.writeString(folder.resolve("a.safetensors"), "0123456789");
        for (Path each : List.of(file, folder)) {
            assertThatThrownBy(() -> facts(each))
                    .isInstanceOf(JobException.class)
                    .hasMessageStartingWith(file + ": ")
                    .hasMessageEndingWith("; info knows run folders, token files and weights");
        }
    }

    /** Two grids of 1 x 2, of class 3 and 7. */
    private Path tokens(Map<String, String> metadata) {
        Path file = folder.resolve("tokens.safetensors");
        TensorFile.write(
                file,
                Map.of("codes", Tensors.longs(0, 1_999_999_999, 5, 5).reshape(2, 1, 2), "labels", Tensors.longs(3, 7)),
                metadata);
        return file;
    }

    private static Map<String, Object> facts(Path file) {
        return new Describe(file.toString()).run();
    }
}
