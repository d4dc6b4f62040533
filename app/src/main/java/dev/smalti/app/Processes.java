package dev.smalti.app;

import dev.smalti.distributed.LostPeerException;
import dev.smalti.distributed.Rendezvous;
import dev.smalti.distributed.Threads;
import dev.smalti.tensor.Phrase;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * The other processes of a training on this machine: this program again, with the same arguments. This process is the first, and says
 * what there is to say; of the others it keeps the last lines, for the case that one dies.
 */
final class Processes implements AutoCloseable {
    private static final int LINES = 6;
    private static final long SECONDS = 10; // that a process has to end

    private static final long GRACE = 5; // seconds for the work itself to notice
    private static final List<String> OWN = List.of( // options that write files, open ports or attach agents
            "-XX:ArchiveClassesAtExit",
            "-agentlib",
            "-agentpath",
            "-javaagent",
            "-Xdebug",
            "-Xrunjdwp",
            "-Dcom.sun.management.");

    private final Path folder;
    private final Rendezvous meeting;
    private final List<Started> others = new ArrayList<>();
    private final CountDownLatch closing = new CountDownLatch(1);

    private static final class Started {
        private final int rank;
        private final Process process;
        private final Deque<String> lines = new ArrayDeque<>();
        private final Thread reading = new Thread(this::read, "process-output");

        Started(int rank, Process process) {
            this.rank = rank;
            this.process = process;
            reading.setDaemon(true);
            reading.start();
        }

        private void read() {
            try (BufferedReader reader = process.inputReader()) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    synchronized (lines) {
                        lines.add(line.strip());
                        if (lines.size() > LINES) {
                            lines.remove();
                        }
                    }
                }
            } catch (IOException e) {
                // it has ended
            }
        }

        boolean failed() {
            return !process.isAlive() && process.exitValue() != 0;
        }

        /** Whether it ended because another had. */
        boolean lost() {
            return process.exitValue() == Failure.LOST;
        }

        String text(int size) {
            try {
                reading.join(1000);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            String said;
            synchronized (lines) {
                said = lines.stream().filter(line -> !line.isEmpty()).collect(Collectors.joining(" | "));
            }
            return Phrase.of("process %d of %d, number %d of the system, ended with exit code %d%s")
                    .with(rank, size, process.pid(), process.exitValue(), said.isEmpty() ? "" : ": " + said);
        }
    }

    private Processes(int size) throws IOException {
        folder = Files.createTempDirectory("smalti-group");
        meeting = Rendezvous.here(size, folder.resolve("store"));
    }

    /**
     * Starts all but the first.
     *
     * @param size how many there are with this one
     * @param arguments of the command line
     */
    static Processes start(int size, List<String> arguments) {
        try {
            Processes processes = new Processes(size);
            try {
                for (int rank = 1; rank < size; rank++) {
                    processes.others.add(new Started(rank, processes.another(rank, arguments)));
                }
                return processes;
            } catch (IOException | RuntimeException | Error e) {
                processes.destroy();
                processes.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the processes cannot be started: " + e.getMessage(), e);
        }
    }

    private Process another(int rank, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(each -> OWN.stream().noneMatch(each::startsWith))
                .forEach(command::add);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        Map<String, String> environment = builder.environment();
        environment.keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")); // they are in the command
        environment.putIfAbsent("OMP_NUM_THREADS", Integer.toString(Threads.each(meeting.size())));
        environment.putAll(meeting.environment(rank));
        Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }

    Rendezvous meeting() {
        return meeting;
    }

    /** @throws LostPeerException if one has failed */
    void check() {
        failed().ifPresent(each -> {
            throw new LostPeerException(each.text(meeting.size()));
        });
    }

    /** One that has failed, not because another had, if there is such a one. */
    private Optional<Started> failed() {
        return others.stream().filter(Started::failed).min(Comparator.comparing(Started::lost));
    }

    /**
     * Says so when one has failed and this process is still at work five seconds later, since what takes long here, such as a held-out
     * measure, asks the others nothing.
     *
     * @param told which one, on a thread of its own
     */
    void watch(Consumer<String> told) {
        for (Started each : others) {
            Thread watching = new Thread(() -> watch(each, told), "process-watch");
            watching.setDaemon(true);
            watching.start();
        }
    }

    private void watch(Started one, Consumer<String> told) {
        try {
            if (one.process.waitFor() != 0 && !closing.await(GRACE, TimeUnit.SECONDS)) {
                told.accept(failed().orElse(one).text(meeting.size()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Which one has failed and what it said, where that is why the others were lost. */
    String reason(LostPeerException lost) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        try {
            while (System.nanoTime() < end
                    && failed().filter(each -> !each.lost()).isEmpty()) {
                Optional<Started> living =
                        others.stream().filter(each -> each.process.isAlive()).findFirst();
                if (living.isEmpty()) {
                    break;
                }
                living.get()
                        .process
                        .waitFor(50, TimeUnit.MILLISECONDS); // a connection ends a moment before its process
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return failed().map(each -> each.text(meeting.size())).orElse(lost.getMessage());
    }

    /** Ends all at once. */
    void destroy() {
        others.forEach(each -> each.process.destroyForcibly());
    }

    /** Waits for those that end by themselves, and ends the others. */
    @Override
    public void close() {
        closing.countDown();
        try {
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
            for (Started each : others) {
                each.process.waitFor(Math.max(0, end - System.nanoTime()), TimeUnit.NANOSECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        destroy();
        try {
            Files.deleteIfExists(folder.resolve("store"));
            Files.deleteIfExists(folder);
        } catch (IOException e) {
            // the system's folder for such things is cleared some time
        }
    }
}
