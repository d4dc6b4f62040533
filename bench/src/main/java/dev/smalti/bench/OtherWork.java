package dev.smalti.bench;

import java.io.IOException;
import java.util.List;

/** Another process that keeps one core busy, the last, until it is closed or this process ends. */
final class OtherWork implements AutoCloseable {
    private final Process process;

    OtherWork() throws IOException {
        int core = Runtime.getRuntime().availableProcessors() - 1;
        process = new ProcessBuilder(
                        List.of("taskset", "-c", Integer.toString(core), "sh", "-c", "while :; do :; done"))
                .inheritIO()
                .start();
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroy));
    }

    @Override
    public void close() {
        process.destroy();
    }
}
