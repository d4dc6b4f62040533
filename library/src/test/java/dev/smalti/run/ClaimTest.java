package dev.smalti.run;

import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.smalti.tensor.AtomicFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ClaimTest {
    @TempDir
    private Path folder;

    /** A process that claims a folder until it is killed. */
    static final class Holder {
        private Holder() {}

        public static void main(String[] args) throws IOException {
            try (Claim claim = Claim.inside(Path.of(args[0]))) {
                System.out.println("held");
                if (System.in.read() < 0) {
                    throw new IOException("nobody is there any more");
                }
            }
        }
    }

    @Test
    void names_the_process_that_has_it_and_takes_over_when_that_is_killed() throws Exception {
        Path place = folder.resolve("run");
        Process other = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xshare:auto",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Holder.class.getName(),
                        place.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader said = other.inputReader()) {
            assertThat(said.readLine()).isEqualTo("held");
            assertThatThrownBy(() -> Claim.inside(place))
                    .isInstanceOf(JobException.class)
                    .hasMessageContaining(place + " is being worked on by process " + other.pid() + " on ")
                    .hasMessageContaining(", since 2")
                    .hasMessageEndingWith(": wait until that has ended, or choose another place");
            other.destroyForcibly();
            assertThat(other.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
        assertThat(names(place)).as("what a killed process leaves").hasSize(1);
        try (Claim claim = Claim.inside(place)) {
            assertThat(names(place))
                    .singleElement(as(STRING))
                    .startsWith(".smalti-")
                    .endsWith(".lock");
            assertThat(Files.readString(place.resolve(names(place).get(0))))
                    .startsWith("process " + ProcessHandle.current().pid() + " on ");
        }
        assertThat(names(place)).isEmpty();
    }

    @Test
    void is_had_once_in_a_process_too_by_whatever_name_the_place_goes() throws IOException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
        try (Claim claim = Claim.inside(folder)) {
            for (Path each : List.of(folder, folder.resolve("a").resolve(".."), link)) {
                Files.createDirectories(folder.resolve("a"));
                assertThatThrownBy(() -> Claim.inside(each))
                        .isInstanceOf(JobException.class)
                        .hasMessageContaining("is being worked on by this process already");
            }
        }
        Claim.inside(link).close();
    }

    @Test
    void is_refused_where_the_file_is_locked_by_other_means() throws IOException {
        Path file = folder.resolve(".smalti-inside-00000000-0000-4000-8000-000000000000.lock");
        try (FileChannel held = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            assertThat(held.lock().isValid()).isTrue();
            assertThatThrownBy(() -> Claim.inside(folder)).isInstanceOf(JobException.class);
        }
        Claim.inside(folder).close();
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void leaves_no_folder_that_it_made_and_nothing_came_into() throws IOException {
        Path deep = folder.resolve("a/b/c");
        Claim.inside(deep).close();
        assertThat(folder).isEmptyDirectory();
        try (Claim claim = Claim.inside(deep)) {
            Files.writeString(folder.resolve("a/b/something"), "");
        }
        assertThat(deep).doesNotExist();
        assertThat(folder.resolve("a/b/something")).exists();
    }

    @Test
    void refuses_a_file_where_a_folder_should_be() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "kept");
        assertThatThrownBy(() -> Claim.inside(file))
                .isInstanceOf(JobException.class)
                .hasMessageContaining("file is a file, and a folder is to be written");
        assertThat(file).hasContent("kept");
    }

    @Test
    void deletes_what_was_left_of_the_same_file_and_nothing_else() throws IOException {
        Path mine = folder.resolve("mine.npz");
        Path left = Files.writeString(AtomicFile.of(mine).path(), "half");
        Path leftFolder = Files.createDirectories(AtomicFile.of(mine).path().resolve("class"))
                .getParent();
        Path other =
                Files.writeString(AtomicFile.of(folder.resolve("other.npz")).path(), "of another process");
        Path foreign = Files.writeString(folder.resolve("mine.part"), "of somebody");
        try (Claim claim = Claim.beside(mine)) {
            assertThat(left).doesNotExist();
            assertThat(leftFolder).doesNotExist();
            assertThat(other).exists();
            assertThat(foreign).exists();
        }
        assertThat(names(folder)).hasSize(2);
    }

    @Test
    void leaves_alone_what_lies_under_a_claim_of_its_own() throws IOException {
        Path samples = folder.resolve("samples");
        try (Claim drawing = Claim.beside(samples);
                AtomicFile beside = AtomicFile.of(samples);
                Claim training = Claim.inside(folder)) {
            Files.writeString(beside.path(), "being written");
            Path old = Files.writeString(
                    folder.resolve(".smalti-1a2b3c4d-0000-4000-8000-000000000000.part"), "of an older version");
            training.clear(folder, AtomicFile::isPart);
            assertThat(beside.path()).exists();
            assertThat(old).doesNotExist();
        }
    }

    @Test
    void waits_for_its_turn() throws Exception {
        Path counter = Files.writeString(folder.resolve("counter"), "0");
        ExecutorService pool = Executors.newFixedThreadPool(3);
        try {
            Callable<Void> increment = () -> {
                try (Claim claim = Claim.waiting(folder)) {
                    Files.writeString(counter, Integer.toString(1 + Integer.parseInt(Files.readString(counter))));
                }
                return null;
            };
            for (Future<Void> each : pool.invokeAll(
                    IntStream.range(0, 9).mapToObj(i -> increment).toList())) {
                each.get();
            }
        } finally {
            pool.shutdownNow();
        }
        assertThat(Files.readString(counter, StandardCharsets.UTF_8)).isEqualTo("9");
        assertThat(names(folder)).containsExactly("counter");
    }

    private static List<String> names(Path in) throws IOException {
        try (Stream<Path> entries = Files.list(in)) {
            return entries.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }
}
