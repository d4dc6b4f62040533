package dev.smalti.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Another process that keeps one core busy, the last that this one may have, until it is closed or this process ends. */
final class OtherWork implements AutoCloseable {
    private final Process process;

    OtherWork() throws IOException {
        long own = ProcessHandle.current().pid();
        String loop = "while [ -d /proc/" + own + " ]; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done";
        process = new ProcessBuilder(List.of("taskset", "-c", core(), "sh", "-c", loop))
                .inheritIO()
                .start();
    }

    /** @throws IllegalStateException if it has ended, so that what was measured wasn't measured beside it */
    void check() {
        if (!process.isAlive()) {
            throw new IllegalStateException(
                    "the process that was to keep a core busy has ended, with exit code " + process.exitValue());
        }
    }

    /** The last of those that are listed as {@code 0-1,4}. */
    private static String core() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("Cpus_allowed_list:")) {
                return line.replaceFirst(".*[:,\\-\\s]", "");
            }
        }
        throw new IOException("/proc/self/status doesn't say which cores this process may have");
    }

    @Override
    public void close() {
        process.destroy();
    }
}
