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
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * The other processes of a training on this machine: this program again, with the same arguments. This process is the first, and says
 * what there is to say; of the others it keeps the last lines, for the case that one dies.
 */
final class Processes implements AutoCloseable {
    private static final int LINES = 6;
    private static final long SECONDS = 10; // that a process has to end

    private final Path folder;
    private final Rendezvous meeting;
    private final List<Started> others = new ArrayList<>();

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
            for (int rank = 1; rank < size; rank++) {
                processes.others.add(new Started(rank, processes.another(rank, arguments)));
            }
            return processes;
        } catch (IOException e) {
            throw new UncheckedIOException("the processes cannot be started: " + e.getMessage(), e);
        }
    }

    private Process another(int rank, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(each -> !each.startsWith("-XX:ArchiveClassesAtExit") && !each.startsWith("-agentlib"))
                .forEach(command::add);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        Map<String, String> environment = builder.environment();
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
        others.stream().filter(Started::failed).findFirst().ifPresent(each -> {
            throw new LostPeerException(each.text(meeting.size()));
        });
    }

    /** Which one has failed and what it said, where that is why the others were lost. */
    String reason(LostPeerException lost) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        while (System.nanoTime() < end) { // a connection ends a moment before its process
            try {
                check();
                others.get(0).process.waitFor(50, TimeUnit.MILLISECONDS);
            } catch (LostPeerException e) {
                return e.getMessage();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        return lost.getMessage();
    }

    /** Ends all at once. */
    void destroy() {
        others.forEach(each -> each.process.destroyForcibly());
    }

    /** Waits for those that end by themselves, and ends the others. */
    @Override
    public void close() {
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
