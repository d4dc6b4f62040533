package dev.smalti.run;

import dev.smalti.tensor.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to write at a place, which one process has at a time, and in it one piece of work. Who reads there needs none.
 *
 * <pre>{@code
 * try (Claim claim = Claim.inside(folder)) {
 *     claim.clear(folder, AtomicFile::isPart);   // nobody else can be writing them now
 *     ...
 * }
 * }</pre>
 *
 * <p>It is a lock of the operating system on a hidden file, so it ends with the process, however that ends: a file that a killed
 * one left is no obstacle. The file says who has the lock, and is deleted with it.
 */
public final class Claim implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Claim.class);
    private static final String INSIDE = ".smalti" + Outputs.LOCK;
    private static final long LOCKED =
            Long.MAX_VALUE - 1; // far behind the text, which Windows lets nobody read where it is locked
    private static final int MOST_TEXT = 200;
    private static final long MOST_WAIT = TimeUnit.MINUTES.toNanos(5);

    /**
     * What this process has, by lock files. A file that is locked must not be opened a second time: where the system takes POSIX's
     * locks, closing it once ends them all.
     */
    private static final Map<Path, Claim> HELD = new HashMap<>();

    private final Path file;
    private final FileChannel channel; // null where the file system has no locks
    private final List<Path> made; // folders, the innermost first

    /** Somebody else has the place: the message says who. */
    public static final class HeldException extends RuntimeException {
        private static final long serialVersionUID = 1;

        HeldException(String holder) {
            super(holder, null, false, false);
        }
    }

    private Claim(Path file, FileChannel channel, List<Path> made) {
        this.file = file;
        this.channel = channel;
        this.made = made;
    }

    /**
     * Claims a folder that is written into, which is made if it isn't there.
     *
     * @throws JobException if another has it, naming that, or nothing may be written there
     */
    public static Claim inside(Path folder) {
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new JobException(folder + " is a file, and a folder is to be written: choose another place");
        }
        return refusing(folder, folder.resolve(INSIDE));
    }

    /**
     * Claims a file or folder that is written beside its place and then takes its name, and deletes what a killed process left of
     * it there.
     *
     * @throws JobException if another has it, naming that, or nothing may be written there
     */
    public static Claim beside(Path path) {
        Path folder = existing(path.toAbsolutePath().getParent());
        String mark = AtomicFile.mark(folder.relativize(path.toAbsolutePath()));
        Claim claim = refusing(path, folder.resolve(mark + Outputs.LOCK));
        claim.clear(folder, name -> name.startsWith(mark + "-") && AtomicFile.isPart(name));
        return claim;
    }

    private static Path existing(Path folder) {
        return Files.isDirectory(folder) ? folder : existing(folder.getParent());
    }

    /**
     * Claims a folder that several processes write into, each for a moment: waits for the others, and deletes what killed ones
     * left.
     *
     * @throws JobException if another has it for minutes
     */
    public static Claim waiting(Path folder) {
        long begun = System.nanoTime();
        while (true) {
            try {
                Claim claim = lock(folder, folder.resolve(INSIDE));
                claim.clear(folder, AtomicFile::isPart);
                return claim;
            } catch (HeldException e) {
                if (System.nanoTime() - begun > MOST_WAIT) {
                    throw refusal(folder, e);
                }
                pause();
            }
        }
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(20);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while another process was writing");
        }
    }

    private static Claim refusing(Path place, Path file) {
        try {
            return lock(place, file);
        } catch (HeldException e) {
            throw refusal(place, e);
        }
    }

    private static JobException refusal(Path place, HeldException e) {
        return new JobException(
                "%s is being worked on by %s: wait until that has ended, or choose another place"
                        .formatted(place, e.getMessage()),
                e);
    }

    /**
     * Claims a place by a lock file that is named.
     *
     * @throws HeldException if another has it
     * @throws JobException if the file can't be written
     */
    public static Claim lock(Path place, Path file) {
        synchronized (HELD) {
            try {
                List<Path> made = make(file.toAbsolutePath().getParent());
                Path real = file.toAbsolutePath().getParent().toRealPath().resolve(file.getFileName());
                if (HELD.containsKey(real)) {
                    throw new HeldException("this process already");
                }
                Claim claim = lock(real, made);
                HELD.put(real, claim);
                return claim;
            } catch (AccessDeniedException e) {
                throw new JobException(
                        "%s cannot be written, permission denied for %s: choose a place that can be"
                                .formatted(place, file),
                        e);
            } catch (IOException e) {
                throw Outputs.failure(place, e);
            }
        }
    }

    /** The folders that were not there, the innermost first. */
    private static List<Path> make(Path folder) throws IOException {
        List<Path> made = new ArrayList<>();
        for (Path each = folder; !Files.exists(each); each = each.getParent()) {
            made.add(each);
        }
        Files.createDirectories(folder);
        return made;
    }

    private static Claim lock(Path file, List<Path> made) throws IOException {
        while (true) {
            Object before = identity(file);
            FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            Object opened = before == null ? identity(file) : before;
            try {
                if (channel.tryLock(LOCKED, 1, false) == null) {
                    throw new HeldException(text(channel));
                }
                if (Files.exists(file) && Objects.equals(opened, identity(file))) {
                    sign(channel);
                    return new Claim(file, channel, made);
                }
                channel.close(); // of the one before, which has deleted it meanwhile
            } catch (OverlappingFileLockException e) {
                channel.close();
                throw new HeldException("this process already");
            } catch (HeldException e) {
                channel.close();
                throw e;
            } catch (IOException e) {
                channel.close();
                LOG.warn("{} cannot be locked ({}): see to it that no two processes write there", file, e.getMessage());
                return new Claim(file, null, made);
            }
        }
    }

    /** Of the file that has the name now; null if there is none, or the system has no such thing. */
    private static Object identity(Path file) throws IOException {
        try {
            return Files.readAttributes(file, BasicFileAttributes.class).fileKey();
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /** Says who has it, as well as may be: a full disk is no reason not to. */
    private static void sign(FileChannel channel) {
        String text = "process %d on %s, since %s"
                .formatted(
                        ProcessHandle.current().pid(),
                        host(),
                        OffsetDateTime.now()
                                .truncatedTo(ChronoUnit.SECONDS)
                                .toString()
                                .replace('T', ' '));
        try {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
        } catch (IOException e) {
            LOG.debug("a lock file without its text", e);
        }
    }

    private static String host() {
        for (String variable : new String[] {"HOSTNAME", "COMPUTERNAME"}) {
            String name = System.getenv(variable);
            if (name != null && !name.isBlank()) {
                return name;
            }
        }
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException e) {
            return "this machine";
        }
    }

    private static String text(FileChannel channel) {
        ByteBuffer bytes = ByteBuffer.allocate(MOST_TEXT);
        try {
            channel.read(bytes, 0);
        } catch (IOException e) {
            // it is still held
        }
        String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8)
                .replaceAll("[\\p{Cntrl}\\ufffd]", "")
                .strip();
        return text.isEmpty() ? "another process" : text;
    }

    /** Deletes files and folders by name, if it is sure that nobody else is writing them. */
    public void clear(Path folder, Predicate<String> left) {
        if (channel == null || !Files.isDirectory(folder)) {
            return;
        }
        try (Stream<Path> entries = Files.list(folder)) {
            for (Path entry : entries.toList()) {
                if (left.test(entry.getFileName().toString()) && !claimed(entry)) {
                    AtomicFile.discard(entry);
                }
            }
        } catch (IOException e) {
            LOG.debug("not cleared: {}", folder, e);
        }
    }

    /** Whether it is of a file that has, or had when its process was killed, a lock of its own. */
    private boolean claimed(Path part) {
        String name = part.getFileName().toString();
        int mark = AtomicFile.mark(Path.of("")).length();
        Path own = part.resolveSibling(name.substring(0, Math.min(mark, name.length())) + Outputs.LOCK);
        return !own.getFileName().equals(file.getFileName()) && Files.exists(own);
    }

    @Override
    public void close() {
        synchronized (HELD) {
            if (HELD.remove(file, this)) {
                free();
            }
        }
    }

    private void free() {
        try (FileChannel open = channel) {
            Files.deleteIfExists(file); // while it is locked, so that who locks it next sees that it is gone
        } catch (IOException e) {
            LOG.debug("a lock that may stay until the process ends", e);
        }
        try {
            for (Path folder : made) {
                Files.deleteIfExists(folder);
            }
        } catch (IOException e) {
            // something came of it, so it isn't empty
        }
    }
}
