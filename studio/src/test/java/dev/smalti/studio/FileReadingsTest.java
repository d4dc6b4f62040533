package dev.smalti.studio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileReadingsTest {
    @TempDir
    Path folder;

    private final List<Path> read = new ArrayList<>();

    private String read(Path file) throws IOException {
        read.add(file);
        return Files.readString(file);
    }

    @Test
    void reads_a_file_again_when_its_size_or_its_time_has_changed() throws IOException {
        FileReadings<String> readings = new FileReadings<>(4);
        Path file = Files.writeString(folder.resolve("a"), "one");
        assertThat(readings.of(file, this::read)).isEqualTo("one");
        assertThat(readings.of(file, this::read)).isEqualTo("one");
        assertThat(read).hasSize(1);
        FileTime before = Files.getLastModifiedTime(file);
        Files.setLastModifiedTime(Files.writeString(file, "longer"), before);
        assertThat(readings.of(file, this::read)).isEqualTo("longer");
        Files.setLastModifiedTime(Files.writeString(file, "LONGER"), FileTime.fromMillis(before.toMillis() + 1_000));
        assertThat(readings.of(file, this::read)).isEqualTo("LONGER");
        assertThat(read).hasSize(3);
    }

    @Test
    void keeps_no_more_than_it_may_and_nothing_that_failed() throws IOException {
        FileReadings<String> readings = new FileReadings<>(1);
        Path first = Files.writeString(folder.resolve("a"), "one");
        Path second = folder.resolve("b");
        assertThatThrownBy(() -> readings.of(second, this::read)).isInstanceOf(NoSuchFileException.class);
        Files.writeString(second, "two");
        for (Path file : List.of(first, second, first)) {
            readings.of(file, this::read);
        }
        assertThat(read).containsExactly(first, second, first);
    }
}
