package dev.smalti.job;

import dev.smalti.network.Blueprint;
import dev.smalti.run.JobException;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.function.Function;
import org.bytedeco.pytorch.Device;

/** What Linux says of memory, in bytes; empty elsewhere. */
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");

    private static final Path GROUP = Path.of("/sys/fs/cgroup");

    private static final int BYTES = 20; // of a parameter: float32 of itself, its gradient and three averages

    private ResidentMemory() {}

    /**
     * Refuses a network whose training can't begin here, unless it can't be laid out without numbers.
     *
     * @param whose what the message begins with
     * @throws JobException saying what it needs
     */
    static void requireFor(String whose, Device device, Function<Device, Blueprint> sketch) {
        long count = Blueprint.sketch(sketch).map(Blueprint::count).orElse(0L);
        double needed = (double) BYTES * count;
        long there = available().orElse(Long.MAX_VALUE);
        if (!device.is_cuda() && needed > there) {
            throw new JobException(Phrase.of(
                            "%s has a network of %.0f million parameters: weights, gradients, the optimizer's two averages"
                                    + " and the average take %.1f GB, and there are %.1f GB: take a smaller network, or more"
                                    + " memory")
                    .with(whose, count / 1e6, needed / 1e9, there / 1e9));
        }
    }

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
        OptionalLong limit = number(GROUP.resolve("memory.max"));
        OptionalLong used = number(GROUP.resolve("memory.current"));
        if (limit.isEmpty() || used.isEmpty()) {
            return machine;
        }
        long files =
                read(GROUP.resolve("memory.stat"), "file", 1).orElse(0); // kept of the disk, and given up when needed
        long left = Math.max(0, limit.getAsLong() - used.getAsLong() + files);
        return OptionalLong.of(Math.min(left, machine.orElse(left)));
    }

    private static OptionalLong read(Path file, String key) {
        return read(file, key + ":", 1024);
    }

    private static OptionalLong read(Path file, String key, long unit) {
        try {
            return Files.readAllLines(file).stream()
                    .map(line -> line.split("\\s+"))
                    .filter(words -> words.length > 1 && words[0].equals(key))
                    .mapToLong(words -> unit * Long.parseLong(words[1]))
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
