package dev.smalti.app;

import com.fasterxml.jackson.core.JacksonException;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Something that the machine lacks, or doesn't give the process: no fault of what was asked for. */
enum Shortage {
    DISK("the disk is full", "no space left", "not enough space", "quota exceeded"),
    FILES(
            "the process may not open more files: let it open at least 256, ulimit -n 256",
            "too many open files",
            "error_emfile"),
    RIGHTS(
            "nothing may be run from the folder of the native libraries: choose another,"
                    + " SMALTI_JAVA_OPTS=-Dorg.bytedeco.javacpp.cachedir=DIR",
            "failed to map segment from shared object: operation not permitted"),
    ADDRESSES(
            "the process may not take more memory: let it take at least 8 GB of addresses, ulimit -v unlimited",
            "failed to map segment",
            "cannot map zero-fill",
            "cannot allocate memory in static tls",
            "cannot create shared object descriptor"),
    THREADS("the process may not start more threads: let it, ulimit -u", "unable to create native thread"),
    MEMORY(
            "there is too little memory: take smaller batches, a smaller model or a machine with more",
            "can't allocate memory",
            "cannot allocate memory",
            "not enough memory",
            "out of memory",
            "std::bad_alloc"),
    HEAP("the Java heap is too small: give it more, SMALTI_JAVA_OPTS=-Xmx4g", "java heap space", "gc overhead limit");

    private final String message;
    private final List<String> signs;

    Shortage(String message, String... signs) {
        this.message = message;
        this.signs = List.of(signs);
    }

    /** What is missing, and the way out. */
    String message() {
        return message;
    }

    /** The shortage that a failure comes from, however it is reported; empty if it comes from none. */
    static Optional<Shortage> behind(Throwable failure) {
        return Failure.causes(failure).stream()
                .filter(Shortage::ofTheSystem)
                .flatMap(each -> of(each).stream())
                .findFirst();
    }

    /** Others quote what somebody gave them. */
    private static boolean ofTheSystem(Throwable each) {
        return each instanceof IOException && !(each instanceof JacksonException)
                || each instanceof Error
                || each.getClass() == RuntimeException.class;
    }

    private static Optional<Shortage> of(Throwable failure) {
        String message = String.valueOf(failure.getMessage()).toLowerCase(Locale.ROOT);
        for (Shortage each : values()) {
            if (each.signs.stream().anyMatch(message::contains)) {
                return Optional.of(each);
            }
        }
        return failure instanceof OutOfMemoryError ? Optional.of(HEAP) : Optional.empty();
    }
}
