package dev.smalti.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** What Linux says of memory, in bytes; empty elsewhere. */
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private ResidentMemory() {}

    /** Of this process now. */
    static OptionalLong now() {
        return read(STATUS, "VmRSS");
    }

    /** The most of this process since {@link #forgetPeak}. */
    static OptionalLong peak() {
        return read(STATUS, "VmHWM");
    }

    /** Without effect where the system doesn't allow it: the peak is then that of the whole process so far. */
    static void forgetPeak() {
        try {
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        } catch (IOException e) {
            // no Linux, or a system that may not be written to
        }
    }

    /** What this process may still take before the machine, or the container's limit, is full. */
    static OptionalLong available() {
        OptionalLong machine = read(Path.of("/proc/meminfo"), "MemAvailable");
        OptionalLong limit = number(Path.of("/sys/fs/cgroup/memory.max"));
        OptionalLong used = number(Path.of("/sys/fs/cgroup/memory.current"));
        if (limit.isEmpty() || used.isEmpty()) {
            return machine;
        }
        long left = Math.max(0, limit.getAsLong() - used.getAsLong());
        return OptionalLong.of(Math.min(left, machine.orElse(left)));
    }

    private static OptionalLong read(Path file, String key) {
        try {
            return Files.readAllLines(file).stream()
                    .filter(line -> line.startsWith(key + ":"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    private static OptionalLong number(Path file) {
        try {
            return OptionalLong.of(Long.parseLong(Files.readString(file).strip()));
        } catch (IOException | NumberFormatException e) { // "max" is no limit
            return OptionalLong.empty();
        }
    }
}
