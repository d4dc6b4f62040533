package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void write_an_old_file() throws IOException {
        file = Files.writeString(folder.resolve("weights"), "old");
    }

    @Test
    void replaces_the_old_file_when_the_new_one_is_complete() {
        AtomicFile.write(file, channel -> {
            channel.write(text("new"));
            assertThat(file).hasContent("old");
        });
        assertThat(file).hasContent("new");
        assertOnlyOneFile();
    }

    @Test
    void keeps_the_old_file_when_the_disk_is_full() {
        assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
                    channel.write(text("half of the n"));
                    throw new IOException("No space left on device");
                }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessage("cannot write " + file + ": No space left on device");
        assertThat(file).hasContent("old");
        assertOnlyOneFile();
    }

    @Test
    void keeps_the_old_file_when_a_tensor_cannot_be_copied() {
        assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
                    throw new IllegalStateException("no memory");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no memory");
        assertThat(file).hasContent("old");
        assertOnlyOneFile();
    }

    @Test
    void writes_a_file_named_without_a_folder_beside_it() {
        Path bare = folder.relativize(file);
        assertThatThrownBy(() -> AtomicFile.write(bare, channel -> {
                    throw new IOException("stop");
                }))
                .hasMessage("cannot write weights: stop");
    }

    private void assertOnlyOneFile() {
        assertThat(folder).isDirectoryNotContaining(each -> !each.equals(file));
    }

    private static ByteBuffer text(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
    }
}
