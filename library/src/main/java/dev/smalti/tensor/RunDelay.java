package dev.smalti.tensor;

import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/**
 * How long the threads of this process have waited for a core though they could run, as Linux counts it in {@code schedstat}.
 */
final class RunDelay {
    private static final File PROCESS = new File("/proc/self");
    private static final int LONGEST = 64; // three numbers of 64 bits

    private RunDelay() {}

    /** Whether the system counts it: where it doesn't, the file is missing or has zeros. */
    static boolean known() {
        long[] counts = counts(PROCESS);
        return counts.length > 1 && counts[0] > 0;
    }

    /** Of all threads that live, in nanoseconds; empty where the system doesn't say. */
    static OptionalLong nanoseconds() {
        File[] threads = new File(PROCESS, "task").listFiles();
        if (threads == null) {
            return OptionalLong.empty();
        }
        long sum = 0;
        for (File thread : threads) {
            long[] counts = counts(thread);
            sum += counts.length > 1 ? counts[1] : 0; // else it has just ended
        }
        return OptionalLong.of(sum);
    }

    /** Nanoseconds on a core, nanoseconds of waiting for one, and how often; empty where they aren't to be had. */
    private static long[] counts(File thread) {
        byte[] text = new byte[LONGEST];
        try (FileInputStream file = new FileInputStream(new File(thread, "schedstat"))) {
            int length = Math.max(0, file.read(text));
            String[] numbers = new String(text, 0, length, StandardCharsets.US_ASCII)
                    .strip()
                    .split(" ");
            return new long[] {Long.parseLong(numbers[0]), Long.parseLong(numbers[1])};
        } catch (IOException | NumberFormatException | ArrayIndexOutOfBoundsException e) {
            return new long[0];
        }
    }
}
