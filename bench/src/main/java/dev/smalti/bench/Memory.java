package dev.smalti.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What Linux says of this process's memory. */
final class Memory {
    private Memory() {}

    /** Starts {@code VmHWM} anew; without effect where there is no Linux or it is not allowed. */
    static void forgetMost() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            // the figure is then that of the whole process
        }
    }

    /**
     * In MB; -1 where there is no Linux.
     *
     * @param key {@code VmHWM} for the most so far, {@code VmRSS} for now
     */
    static long megabytes(String key) {
        return megabytes(ProcessHandle.current().pid(), key);
    }

    /** The same of another process. */
    static long megabytes(long process, String key) {
        try {
            return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
                    .filter(line -> line.startsWith(key + ":"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) / 1024)
                    .findFirst()
                    .orElse(-1);
        } catch (IOException e) {
            return -1;
        }
    }
}
