package dev.smalti.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** Folders that go with what is done in them. */
final class Folders {
    private Folders() {}

    interface Work<T> {
        T in(Path folder) throws IOException;
    }

    /** Gives {@code work} a folder of its own, and deletes it afterwards. */
    static <T> T temporary(Work<T> work) throws IOException {
        Path folder = Files.createTempDirectory("smalti-bench");
        try {
            return work.in(folder);
        } finally {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}
