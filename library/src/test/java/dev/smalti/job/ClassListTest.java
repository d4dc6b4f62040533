package dev.smalti.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.smalti.run.JobException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClassListTest {
    @TempDir
    private Path folder;

    private Path file(String text) throws IOException {
        return Files.writeString(folder.resolve("classes.txt"), text);
    }

    private static void refused(Path file, String... words) {
        assertThatThrownBy(() -> ClassList.read(file))
                .isInstanceOf(JobException.class)
                .hasMessageStartingWith(file.toString())
                .hasMessageContainingAll(words);
    }

    @Test
    void has_a_name_in_each_line() throws IOException {
        assertThat(ClassList.read(file("ant\n honey bee \r\ncrab"))).containsExactly("ant", "honey bee", "crab");
        assertThat(ClassList.read(file(""))).isEmpty();
    }

    @Test
    void begins_behind_the_mark_that_some_editors_put_first() throws IOException {
        assertThat(ClassList.read(file("\uFEFFant\nbee\n"))).containsExactly("ant", "bee");
    }

    @Test
    void may_end_with_empty_lines_and_has_none_that_would_shift_the_others() throws IOException {
        assertThat(ClassList.read(file("ant\nbee\n\n  \n"))).containsExactly("ant", "bee");
        refused(file("ant\n\nbee\n"), "line 2 is empty");
        refused(file("\nant\n"), "line 1 is empty");
    }

    @Test
    void is_a_file_of_text() throws IOException {
        refused(folder, "is no file");
        refused(folder.resolve("none"), "is not there");
        Path latin = Files.write(folder.resolve("latin.txt"), "caf\u00e9".getBytes(StandardCharsets.ISO_8859_1));
        refused(latin, "must be a list of class names in UTF-8", "save it as UTF-8");
        refused(file("x".repeat((1 << 20) + 1)), "at most 1 MiB");
        assertThat(ClassList.read(file("x".repeat(1 << 20)))).hasSize(1);
    }
}
