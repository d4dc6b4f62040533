package dev.smalti.tensor;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * How many threads OpenBLAS multiplies float32 matrices with: as many as there are cores that nobody else computes on.
 *
 * <p>OpenBLAS's threads wait for each other by spinning, so one that isn't scheduled holds up all, several times a product:
 * with all cores one other process halves the speed or worse, with half of them a quiet machine gives a third of its
 * speed away. So the cores are counted that other processes, and other guests of the host, kept busy in the last second, and
 * the number follows, once a second, for as long as the process lives. What comes out of a product doesn't depend on it.
 *
 * <p>A number in the environment is left alone. One thread where OpenMP's threads spin too, since {@code
 * OMP_WAIT_POLICY=passive} wasn't set as libgomp was loaded. Where the system doesn't say what others do (it isn't Linux): half of the cores.
 */
final class BlasThreads {
    private static final List<String> CHOSEN = List.of("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS");
    private static final Pattern NUMBER = Pattern.compile("[1-9]\\d{0,8}");
    private static final Path STATISTICS = Path.of("/proc/stat");
    private static final long WAIT_MILLIS = 1000;

    /** A core on which others take less than this share is free: a shell, a browser, the host's own housekeeping. */
    private static final double FREE = 0.3;

    private BlasThreads() {}

    /** Sets the number, and keeps a daemon thread that adapts it where there is something to adapt. */
    static void choose(Map<String, String> environment, int cores, IntConsumer set) {
        if (CHOSEN.stream().anyMatch(environment::containsKey)) {
            return;
        }
        int most = most(environment, cores);
        if (most == 1 || !Files.isReadable(STATISTICS)) {
            set.accept(Math.max(1, Math.min(most, cores / 2)));
            return;
        }
        set.accept(Math.max(1, most / 2));
        Thread thread = new Thread(() -> follow(most, set), "smalti-blas-threads");
        thread.setDaemon(true);
        thread.start();
    }

    /** One where OpenMP's threads spin too, else all cores, and at most {@code OMP_NUM_THREADS}. */
    static int most(Map<String, String> environment, int cores) {
        if (!"passive".equalsIgnoreCase(environment.get(Waiting.VARIABLE))) {
            return 1;
        }
        Matcher chosen = NUMBER.matcher(environment.getOrDefault("OMP_NUM_THREADS", ""));
        return chosen.lookingAt() ? Math.min(cores, Integer.parseInt(chosen.group())) : cores;
    }

    /**
     * As many threads as cores are free.
     *
     * @param hostCores all cores of the machine, of which this process may have {@code most}
     * @param busyElsewhere seconds of processor time that others took in a second
     */
    static int free(double hostCores, double busyElsewhere, int most) {
        int free = (int) Math.floor(hostCores - busyElsewhere + FREE);
        return Math.max(1, Math.min(most, free));
    }

    @SuppressWarnings("BusyWait") // once a second
    private static void follow(int most, IntConsumer set) {
        int now = 0;
        try {
            Sample before = Sample.take();
            while (true) {
                Thread.sleep(WAIT_MILLIS);
                Sample after = Sample.take();
                int next = free(after.cores(), after.elsewhere(before), most);
                if (next != now) {
                    set.accept(next);
                }
                now = next;
                before = after;
            }
        } catch (IOException e) {
            set.accept(Math.max(1, most / 2));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Processor time since the start, in seconds; that of the machine counts what the host gave to other guests (steal).
     *
     * @param idle over all cores, waiting for disks included
     * @param all over all cores
     */
    record Sample(int cores, double idle, double all, double own) {
        /** USER_HZ, which Linux promises to programs on every machine but old Alphas. */
        private static final double TICKS_A_SECOND = 100;

        static Sample take() throws IOException {
            List<String>
                    lines; // of all cores together, and of each: cpu user nice system idle iowait irq softirq steal
            try (Stream<String> all = Files.lines(STATISTICS, StandardCharsets.US_ASCII)) {
                lines = all.takeWhile(line -> line.startsWith("cpu")).toList();
            }
            return of(lines.get(0).trim().split("\\s+"), lines.size() - 1, ownNanos() / 1e9);
        }

        static Sample of(String[] sums, int cores, double own) {
            double all = 0;
            for (int field = 1; field < Math.min(sums.length, 9); field++) { // guests' time is part of user time
                all += Double.parseDouble(sums[field]);
            }
            double idle = Double.parseDouble(sums[4]) + Double.parseDouble(sums[5]);
            return new Sample(cores, idle, all, own);
        }

        private static double ownNanos() {
            return ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean bean
                    ? Math.max(0, bean.getProcessCpuTime())
                    : 0;
        }

        /** Cores that others kept busy since.  */
        double elsewhere(Sample before) {
            double ticks = all - before.all;
            if (ticks <= 0) {
                return 0;
            }
            double busy = cores * (1 - (idle - before.idle) / ticks);
            double seconds = ticks / cores / TICKS_A_SECOND;
            return Math.max(0, busy - (own - before.own) / seconds);
        }
    }
}
