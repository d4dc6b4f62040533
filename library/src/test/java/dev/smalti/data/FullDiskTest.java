package dev.smalti.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Disks of some kilobytes, in memory. */
class FullDiskTest {
    private static final int SIDE = 64;

    /** What can't be compressed. */
    private static Pixels noise(int number) {
        byte[] rgb = new byte[3 * SIDE * SIDE];
        new Random(number).nextBytes(rgb);
        return new Pixels(SIDE, SIDE, rgb);
    }

    @Test
    void an_npz_that_does_not_fit_leaves_nothing_wherever_the_disk_is_full() throws IOException {
        for (int kilobytes = 1; kilobytes <= 120; kilobytes += 7) {
            leavesNothing(kilobytes, file -> {
                try (NumpyFile.Writer writer = NumpyFile.writer(file, 12, SIDE, SIDE)) {
                    for (int i = 0; i < 12; i++) {
                        writer.add(noise(i), i);
                    }
                    writer.finish();
                }
            });
        }
    }

    @Test
    void a_grid_that_does_not_fit_leaves_nothing() throws IOException {
        for (int kilobytes = 1; kilobytes <= 120; kilobytes += 17) {
            leavesNothing(kilobytes, file -> {
                try (GridFile grid = new GridFile(file, 12, 3, 2, SIDE, SIDE)) {
                    for (int i = 0; i < 12; i++) {
                        grid.add(noise(i));
                    }
                    grid.finish();
                }
            });
        }
    }

    @Test
    void a_picture_that_does_not_fit_leaves_nothing() throws IOException {
        leavesNothing(1, file -> Pictures.writePng(file, noise(1)));
    }

    private static void leavesNothing(int kilobytes, Consumer<Path> writing) throws IOException {
        Configuration disk = Configuration.unix().toBuilder()
                .setBlockSize(512)
                .setMaxSize(kilobytes << 10)
                .build();
        try (FileSystem system = Jimfs.newFileSystem(disk)) {
            Path folder = Files.createDirectory(system.getPath("/full"));
            assertThatThrownBy(() -> writing.accept(folder.resolve("file")))
                    .as(kilobytes + " KB")
                    .isInstanceOf(DataException.class)
                    .hasMessageContaining("/full/file cannot be written")
                    .hasMessageContaining("out of disk space");
            assertThat(folder).as(kilobytes + " KB").isEmptyDirectory();
        }
    }
}
