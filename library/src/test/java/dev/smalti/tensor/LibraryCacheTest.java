package dev.smalti.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class LibraryCacheTest {
    private static final long TIME = 1_700_000_000_000L;

    @TempDir
    Path folder;

    @Test
    void a_library_that_was_left_half_written_is_deleted_and_a_whole_one_stays() throws Exception {
        write("liba.so", 10, TIME);
        write("liba_of_another_name.so", 10, TIME);
        write("libb.so", 7, TIME);
        write("libc.so", 30, TIME + 5000); // as long as it should be, but JavaCPP wasn't done with it
        LibraryCache.Jar jar = jar();
        jar.mend();
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("liba.so", "liba_of_another_name.so");
        }
        assertThat(jar.missing()).isEqualTo(20 + 30);
    }

    @Test
    void links_to_libraries_elsewhere_stay() throws Exception {
        Path elsewhere = Files.writeString(folder.resolveSibling("elsewhere-" + folder.getFileName()), "of the system");
        Files.createSymbolicLink(folder.resolve("libb.so"), elsewhere);
        jar().mend();
        assertThat(folder.resolve("libb.so")).hasContent("of the system");
        Files.delete(elsewhere);
    }

    @Test
    void a_cache_that_is_not_there_yet_needs_no_mending() throws Exception {
        LibraryCache.Jar jar = new LibraryCache.Jar(entries(), folder.resolve("none"));
        jar.mend();
        assertThat(jar.missing()).isEqualTo(10 + 20 + 30);
    }

    @Test
    void a_disk_without_room_is_told_of_before_anything_is_unpacked() {
        LibraryCache.check(1 << 20, 1 << 20, folder);
        assertThatThrownBy(() -> LibraryCache.check(400L << 20, 16 << 10, folder))
                .isInstanceOf(NativeLibrariesException.class)
                .hasMessageContaining("needs 400 MB in " + folder)
                .hasMessageContaining("0 MB left")
                .hasMessageContaining("-Dorg.bytedeco.javacpp.cachedir=DIR");
    }

    @Test
    void users_without_a_home_have_the_folder_that_the_environment_names() {
        String home = folder.toString();
        assertThat(LibraryCache.folder(home, "/nowhere at all"))
                .isEqualTo(folder.resolve("javacpp").toString());
        assertThat(LibraryCache.folder(null, home))
                .isEqualTo(folder.resolve(".javacpp/cache").toString());
        assertThat(LibraryCache.folder("relative", home)).startsWith(home);
        assertThat(LibraryCache.folder(null, "/nowhere at all")).startsWith(System.getProperty("java.io.tmpdir"));
    }

    /** All but the largest library are those of this process, which is cut off as a killed process leaves it. */
    @Test
    @DisabledOnOs(OS.WINDOWS) // a library that is in use can't be linked to
    void a_start_after_one_that_was_killed_while_it_unpacked_works() throws Exception {
        Native.load();
        Path cache = Loader.getCacheDir().toPath();
        try (Stream<Path> files = Files.walk(cache)) {
            for (Path file : files.filter(path -> Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS))
                    .toList()) {
                if (file.toString().contains(".jar")) {
                    link(file, folder.resolve(cache.relativize(file)));
                }
            }
        }
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dorg.bytedeco.javacpp.cachedir=" + folder,
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Sum.class.getName())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .directory(folder.toFile())
                .start();
        String said = new String(process.getInputStream().readAllBytes());
        assertThat(process.waitFor()).isZero();
        assertThat(said.strip()).isEqualTo("3");
    }

    private static void link(Path from, Path to) throws IOException {
        Files.createDirectories(to.getParent());
        if (from.getFileName().toString().contains("torch_cpu")) {
            try (InputStream in = Files.newInputStream(from);
                    OutputStream out = Files.newOutputStream(to)) {
                out.write(in.readNBytes(1 << 20));
            }
        } else {
            try {
                Files.createLink(to, from);
            } catch (IOException e) { // another disk
                Files.copy(from, to);
                Files.setLastModifiedTime(to, Files.getLastModifiedTime(from));
            }
        }
    }

    /** Computes a little. */
    static final class Sum {
        public static void main(String[] arguments) {
            System.out.println(Tensors.ones(3).sum().item_long());
        }
    }

    private LibraryCache.Jar jar() {
        return new LibraryCache.Jar(entries(), folder);
    }

    private static List<LibraryCache.Jar.Entry> entries() {
        return List.of(entry("liba.so", 10), entry("libb.so", 20), entry("libc.so", 30), entry("libd_full.so", 40));
    }

    private static LibraryCache.Jar.Entry entry(String name, int size) {
        return new LibraryCache.Jar.Entry(name, size, TIME);
    }

    private void write(String name, int size, long time) throws IOException {
        Path file = Files.write(folder.resolve(name), new byte[size]);
        Files.setLastModifiedTime(file, FileTime.fromMillis(time));
    }
}
