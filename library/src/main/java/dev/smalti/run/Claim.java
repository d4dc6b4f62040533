package dev.smalti.run;

import dev.smalti.tensor.AtomicFile;
import dev.smalti.tensor.Phrase;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right to write at a place, which one process has at a time, and in it one piece of work. Who reads there needs none.
 *
 * <pre>{@code
 * Path folder = Path.of("drawn");
 * try (Claim claim = Claim.inside(folder)) {
 *     claim.clear(folder, AtomicFile::isPart);   // nobody else can be writing them now
 *     // and write there
 * }
 * }</pre>
 *
 * <p>Who claims makes a hidden file of its own, which says who that is, locks it, and then looks for those of others. A lock of
 * the operating system ends with its process, however that ends, so a file that isn't locked is one that a killed process left,
 * and is deleted. Every file has a name of its own, so that none is ever taken for another.
 */
public final class Claim implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Claim.class);
    private static final String INSIDE = ".smalti-inside";
    private static final String ID = "-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    private static final long LOCKED =
            Long.MAX_VALUE - 1; // behind the text, which Windows lets nobody read where it is locked
    private static final int MOST_TEXT = 200;
    private static final int LOOKS = 4; // the other may be looking too, and withdraw
    private static final int MOST_PAUSE = 40; // milliseconds
    private static final long MOST_WAIT = TimeUnit.MINUTES.toNanos(5);

    /**
     * What this process has, by file names without what is random in them. Where the system takes POSIX's locks, closing a file once
     * ends all that the process has on it, so its own must never be looked at.
     */
    private static final Map<Path, Claim> HELD = new HashMap<>();

    private final Path name;
    private final List<Path> made; // folders, the innermost first
    private Path file;
    private FileChannel channel; // null where the file system has no locks

    /** Somebody else has the place: the message says who. */
    public static final class HeldException extends RuntimeException {
        private static final long serialVersionUID = 1;

        HeldException(String holder) {
            super(holder, null, false, false);
        }
    }

    private Claim(Path name, List<Path> made) {
        this.name = name;
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
        Claim claim = refusing(path, folder.resolve(mark));
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
                Claim claim = of(folder, folder.resolve(INSIDE));
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

    private static Claim refusing(Path place, Path name) {
        try {
            return of(place, name);
        } catch (HeldException e) {
            throw refusal(place, e);
        }
    }

    private static JobException refusal(Path place, HeldException e) {
        return new JobException(
                Phrase.of("%s is being worked on by %s: wait until that has ended, or choose another place")
                        .with(place, e.getMessage()),
                e);
    }

    /**
     * Claims a place by what the name of its file shall begin with.
     *
     * @throws HeldException if another has it
     * @throws JobException if the file can't be written
     */
    public static Claim of(Path place, Path name) {
        Path folder = name.toAbsolutePath().getParent();
        try {
            List<Path> made = make(folder);
            Claim claim = new Claim(folder.toRealPath().resolve(name.getFileName()), made);
            try {
                claim.enter();
                claim.lock();
                return claim;
            } catch (IOException | RuntimeException e) {
                claim.close();
                throw e;
            }
        } catch (AccessDeniedException e) {
            throw new JobException(
                    Phrase.of("%s cannot be written, permission denied for %s: choose a place that can be")
                            .with(place, folder),
                    e);
        } catch (IOException e) {
            throw Outputs.failure(place, e);
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

    private void enter() {
        synchronized (HELD) {
            if (HELD.putIfAbsent(name, this) != null) {
                throw new HeldException("this process already");
            }
        }
    }

    private void lock() throws IOException {
        for (int look = 0; ; look++) {
            Optional<String> other = other();
            if (other.isEmpty()) {
                sign();
                other = other();
                if (other.isEmpty()) {
                    return;
                }
                withdraw(); // two at once: both do, and look again after a while of chance
            }
            if (look == LOOKS) {
                throw new HeldException(other.get());
            }
            pause();
        }
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(ThreadLocalRandom.current().nextInt(1, MOST_PAUSE));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted while another process was writing");
        }
    }

    /** Who else has it; empty for nobody. Deletes the files of those that are no more. */
    private Optional<String> other() throws IOException {
        for (Path each : files(name)) {
            if (!each.equals(file)) {
                Optional<String> other = holder(each);
                if (other.isPresent()) {
                    return other;
                }
            }
        }
        return Optional.empty();
    }

    private static List<Path> files(Path name) throws IOException {
        Pattern pattern = Pattern.compile(Pattern.quote(name.getFileName().toString()) + ID + Outputs.LOCK);
        try (Stream<Path> entries = Files.list(name.getParent())) {
            return entries.filter(each ->
                            pattern.matcher(each.getFileName().toString()).matches())
                    .toList();
        }
    }

    private static Optional<String> holder(Path file) throws IOException {
        try (FileChannel open = FileChannel.open(file, StandardOpenOption.READ)) {
            if (open.tryLock(LOCKED, 1, true) == null) {
                return Optional.of(text(open));
            }
            Files.deleteIfExists(file);
            return Optional.empty();
        } catch (NoSuchFileException e) {
            return Optional.empty();
        } catch (OverlappingFileLockException e) {
            return Optional.of("this process already");
        } catch (FileSystemException e) {
            return Optional.of("a process of another user");
        } catch (IOException e) {
            return Optional.empty(); // no locks: it can't be known
        }
    }

    /** Makes the file, and locks it. */
    private void sign() throws IOException {
        while (file == null) {
            Path mine = name.resolveSibling(name.getFileName() + "-" + UUID.randomUUID() + Outputs.LOCK);
            channel = FileChannel.open(mine, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            file = mine;
            try {
                write(channel);
                if (channel.tryLock(LOCKED, 1, false) == null || !Files.exists(mine)) {
                    withdraw(); // another looked before it was locked
                }
            } catch (IOException e) {
                channel.close();
                channel = null;
                LOG.warn("{} cannot be locked ({}): see to it that no two processes write there", mine, e.getMessage());
            }
        }
    }

    /** Says who has it, as well as may be: a full disk is no reason not to. */
    private static void write(FileChannel channel) {
        String text = Phrase.of("process %d on %s, since %s")
                .with(
                        ProcessHandle.current().pid(),
                        host(),
                        OffsetDateTime.now()
                                .truncatedTo(ChronoUnit.SECONDS)
                                .toString()
                                .replace('T', ' '));
        try {
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), 0);
        } catch (IOException e) {
            LOG.debug("a lock without its text", e);
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

    /** Whether it is of a file that has, or had when its process was killed, a claim of its own. */
    private boolean claimed(Path part) throws IOException {
        String text = part.getFileName().toString();
        Path own = part.resolveSibling(
                text.substring(0, Math.min(AtomicFile.mark(Path.of("")).length(), text.length())));
        return !own.getFileName().equals(name.getFileName()) && !files(own).isEmpty();
    }

    @Override
    public void close() {
        try {
            withdraw();
        } catch (IOException e) {
            LOG.debug("a lock that may stay until the process ends", e);
        }
        synchronized (HELD) {
            HELD.remove(name, this);
        }
        try {
            for (Path folder : made) {
                Files.deleteIfExists(folder);
            }
        } catch (IOException e) {
            // something came of it, so it isn't empty
        }
    }

    private void withdraw() throws IOException {
        try (FileChannel open = channel) {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } finally {
            file = null;
            channel = null;
        }
    }
}
