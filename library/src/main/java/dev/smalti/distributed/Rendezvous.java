package dev.smalti.distributed;

import dev.smalti.tensor.Phrase;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Where processes meet, and which of them this one is.
 *
 * @param rank from 0
 * @param size at least 1
 * @param localRank which of those of this machine it is, from 0
 * @param address of the first process's machine; null for processes of one machine that meet in a file
 * @param port at which the first process listens, 1..65535; 0 with a file
 * @param file in which they meet, of a folder that others can't write in; null with an address
 */
public record Rendezvous(int rank, int size, int localRank, String address, int port, Path file) {
    private static final String FILE = "SMALTI_GROUP_FILE";
    private static final int MOST = 4096;

    public Rendezvous {
        if (size < 1 || size > MOST) {
            throw new IllegalArgumentException(
                    Phrase.of("WORLD_SIZE, the number of processes, must be in 1..%d, got %d")
                            .with(MOST, size));
        }
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException(
                    Phrase.of("RANK must be in 0..%d, below WORLD_SIZE, got %d").with(size - 1, rank));
        }
        if (localRank < 0) {
            throw new IllegalArgumentException(
                    Phrase.of("LOCAL_RANK must be at least 0, got %d").with(localRank));
        }
        if ((address == null) == (file == null)) {
            throw new IllegalArgumentException(
                    "MASTER_ADDR must name the machine of the process of RANK 0, at which the others find it");
        }
        if (file == null && (port < 1 || port > 65535)) {
            throw new IllegalArgumentException(
                    Phrase.of("MASTER_PORT must be in 1..65535, got %d").with(port));
        }
    }

    /**
     * That of the variables {@code RANK}, {@code WORLD_SIZE}, {@code LOCAL_RANK}, {@code MASTER_ADDR} and {@code MASTER_PORT}, as
     * torchrun sets them; empty where there is no {@code WORLD_SIZE} above 1.
     *
     * @throws IllegalArgumentException naming the variable that is missing, or out of its range
     */
    public static Optional<Rendezvous> of(Map<String, String> environment) {
        String size = environment.get("WORLD_SIZE");
        if (size == null || size.isBlank() || number(environment, "WORLD_SIZE") == 1) {
            return Optional.empty();
        }
        int rank = number(environment, "RANK");
        int local = environment.containsKey("LOCAL_RANK") ? number(environment, "LOCAL_RANK") : 0;
        String file = environment.get(FILE);
        return Optional.of(
                file == null
                        ? new Rendezvous(
                                rank,
                                number(environment, "WORLD_SIZE"),
                                local,
                                environment.get("MASTER_ADDR"),
                                number(environment, "MASTER_PORT"),
                                null)
                        : new Rendezvous(rank, number(environment, "WORLD_SIZE"), local, null, 0, Path.of(file)));
    }

    private static int number(Map<String, String> environment, String name) {
        String value = environment.get(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is missing, and WORLD_SIZE says that several processes train"
                    + " together: set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT as torchrun does, or none of them");
        }
        try {
            return Integer.parseInt(value.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + " must be a whole number, got " + value, e);
        }
    }

    /** Whether the processes are of one machine, all started by the first. */
    public boolean here() {
        return file != null;
    }

    /** The first of several processes of this machine. @param file one that isn't there yet */
    public static Rendezvous here(int size, Path file) {
        return new Rendezvous(0, size, 0, null, 0, file);
    }

    /** The variables by which another process of this machine is told where to come. @param rank of it */
    public Map<String, String> environment(int rank) {
        return Map.of(
                "RANK",
                Integer.toString(rank),
                "WORLD_SIZE",
                Integer.toString(size),
                "LOCAL_RANK",
                Integer.toString(rank),
                FILE,
                file.toString());
    }

    /**
     * Waits for all the others, and asks meanwhile whether to {@linkplain dev.smalti.tensor.Stopping stop}.
     *
     * @param lost told, on a thread of its own, that another machine has gone while this process was at something else for five seconds and more
     * @throws LostPeerException if they don't all come within five minutes
     * @throws IllegalArgumentException if the address is a name that isn't known, or means this machine's loopback where several interfaces could
     *     be meant
     */
    public Group join(Consumer<String> lost) {
        return size == 1 ? Group.alone() : C10dGroup.join(this, lost);
    }
}
