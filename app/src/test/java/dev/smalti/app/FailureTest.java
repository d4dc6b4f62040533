package dev.smalti.app;

import static org.assertj.core.api.Assertions.assertThat;

import dev.smalti.run.JobException;
import dev.smalti.tensor.BadFileException;
import dev.smalti.tensor.NativeLibrariesException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FailureTest {
    @ParameterizedTest
    @CsvSource({
        "Too many open files, ulimit -n 256",
        "No space left on device, the disk is full",
        "Cannot allocate memory, too little memory"
    })
    void what_the_machine_lacks_is_no_bad_input(String reason, String wayOut) {
        FileSystemException system = new FileSystemException("a.safetensors", null, reason);
        for (Throwable each : new Throwable[] {
            new UncheckedIOException("cannot write a.safetensors: " + reason, system),
            new JobException("a.safetensors cannot be written: " + reason, system),
            new BadFileException(Path.of("a.safetensors"), "cannot be read: " + reason, system)
        }) {
            assertThat(Failure.code(each)).isEqualTo(Failure.FAILED);
            assertThat(Failure.message(each)).contains(wayOut, "a.safetensors");
        }
    }

    @Test
    void memory_that_libtorch_does_not_get_is_told_without_its_trace() {
        RuntimeException libtorchs = new RuntimeException(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.\n  at c10");
        assertThat(Failure.message(libtorchs))
                .contains("too little memory", "tried to allocate 8 bytes")
                .hasLineCount(1);
        assertThat(Failure.code(libtorchs)).isEqualTo(Failure.FAILED);
    }

    @ParameterizedTest
    @CsvSource({
        "Java heap space, -Xmx4g",
        "Requested array size exceeds VM limit, -Xmx4g",
        "unable to create native thread: possibly out of memory or process/resource limits reached, ulimit -u"
    })
    void memory_that_java_does_not_get_is_told_by_its_kind(String reason, String wayOut) {
        assertThat(Failure.message(new OutOfMemoryError(reason))).contains(wayOut, reason);
    }

    @Test
    void a_file_whose_text_speaks_of_memory_is_bad_input_all_the_same() {
        Throwable quoted = new JobException("label out of memory is unknown");
        assertThat(Failure.code(quoted)).isEqualTo(Failure.BAD_INPUT);
        assertThat(Failure.message(quoted)).isEqualTo("label out of memory is unknown");
    }

    @Test
    void a_library_that_cannot_be_loaded_is_told_alike_the_first_and_every_later_time() {
        UnsatisfiedLinkError first =
                new UnsatisfiedLinkError("/c/libtorch_cpu.so: failed to map segment from shared object");
        NoClassDefFoundError later = new NoClassDefFoundError("Could not initialize class dev.smalti.tensor.Native");
        later.initCause(first);
        for (Throwable each : new Throwable[] {first, later}) {
            assertThat(Failure.message(each))
                    .contains("libtorch_cpu.so: failed to map segment", "ulimit -v")
                    .doesNotContain("Native");
            assertThat(Failure.code(each)).isEqualTo(Failure.FAILED);
        }
        assertThat(Failure.message(new UnsatisfiedLinkError("no jnitorch in java.library.path")))
                .contains("no jnitorch", "system and processor");
    }

    @Test
    void a_folder_from_which_nothing_may_be_run_is_no_want_of_memory() {
        UnsatisfiedLinkError error = new UnsatisfiedLinkError(
                "/c/libtorch_cpu.so: failed to map segment from shared object: Operation not permitted");
        assertThat(Failure.message(error)).contains("cachedir=DIR").doesNotContain("ulimit");
    }

    @Test
    void a_class_that_is_missing_is_no_library() {
        NoClassDefFoundError error = new NoClassDefFoundError("com/fasterxml/X");
        error.initCause(new ClassNotFoundException("com.fasterxml.X"));
        assertThat(Failure.message(error))
                .contains("com.fasterxml.X", "ulimit -n 256")
                .doesNotContain("libtorch");
    }

    @Test
    void causes_in_a_circle_come_to_an_end() {
        IOException one = new IOException("one");
        IOException two = new IOException("two", one);
        one.initCause(two);
        assertThat(Failure.causes(two)).containsExactly(two, one);
    }

    @Test
    void a_complaint_is_one_line_of_a_thousand_characters_at_most() {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        PrintStream stream = new PrintStream(err, true, StandardCharsets.UTF_8);
        new Console(stream, stream, false).complain("a\nb \u001b[31m" + "x".repeat(5000) + " give another");
        assertThat(err.toString(StandardCharsets.UTF_8))
                .startsWith("smalti: a b ?[31mxx")
                .endsWith("xx give another" + System.lineSeparator())
                .hasSizeLessThan(1020);
    }

    @Test
    void native_libraries_that_cannot_be_had_are_told_of_by_their_own_message_wherever_they_are_missed() {
        NativeLibrariesException full = new NativeLibrariesException("unpacking needs 400 MB", null);
        for (Throwable each : new Throwable[] {full, new ExceptionInInitializerError(full)}) {
            assertThat(Failure.message(each)).isEqualTo("unpacking needs 400 MB");
            assertThat(Failure.code(each)).isEqualTo(Failure.FAILED);
        }
    }
}
