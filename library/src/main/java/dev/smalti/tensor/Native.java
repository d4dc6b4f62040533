package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/**
 * Settings that must be made before libtorch is loaded or before its first product.
 *
 * <p>Four traps are closed here for whoever embeds the library. JavaCPP refuses allocations once the process holds more than
 * twice the Java heap, which a model easily does: the limit is lifted unless somebody chose one. OpenMP's threads spin while
 * they wait, against OpenBLAS's and whatever else shares the cores: unless {@code OMP_WAIT_POLICY} was set when the process
 * started, they are told to sleep, as {@link Waiting} explains. And memory that tensors free is kept ({@link FreedMemory}).
 *
 * <p>And OpenBLAS, which multiplies float32 matrices on the CPU but for large layers, waits for its threads by spinning, so one that isn't scheduled
 * holds up all, several times a product. It gets as many threads as {@link #blasThreads} says, unless the environment says
 * how many.
 *
 * <p>NNPACK, which libtorch would ask for small convolutions, warns again and again on processors that it doesn't know, and stays off.
 */
public final class Native {
    private static final List<String> CHOSEN = List.of("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS");
    private static final Pattern NUMBER = Pattern.compile("[1-9]\\d{0,8}");
    private static Map<String, String> environment = System.getenv(); // later as libgomp found it
    private static final NativeLibrariesException FAILURE;

    static {
        unlessSet("org.bytedeco.javacpp.maxbytes", "0");
        unlessSet("org.bytedeco.javacpp.maxphysicalbytes", "0");
        unlessSet(
                "org.bytedeco.javacpp.logger", "slf4j"); // that it serves with another OpenBLAS than its own is no news
        FAILURE = start();
    }

    private Native() {}

    /**
     * Loads the native libraries, once a process; later calls cost nothing.
     *
     * @throws NativeLibrariesException if they can't be unpacked or loaded, at every call
     */
    public static void load() {
        if (FAILURE != null) {
            throw new NativeLibrariesException(FAILURE.getMessage(), FAILURE);
        }
    }

    /**
     * Shares a machine: from now on the process computes with as many threads as it would where there are so many cores. It counts
     * for the calling thread, and for others that haven't computed yet. How many OpenBLAS has stays where the environment says it.
     *
     * @param cores at least 1
     */
    public static void cores(int cores) {
        if (cores < 1) {
            throw new IllegalArgumentException("cores must be at least 1, got " + cores);
        }
        load();
        torch.get_num_threads(); // a thread's first question gives it the number of all
        torch.set_num_threads(cores);
        blasThreads(environment, cores).ifPresent(openblas::blas_set_num_threads);
    }

    /** Null if all went well. */
    private static NativeLibrariesException start() {
        try {
            LibraryCache.choose();
            loadAlone();
            return null;
        } catch (NativeLibrariesException e) {
            return e;
        } catch (LinkageError e) {
            return LibraryCache.refused(e);
        }
    }

    /** While no other process does: the first one unpacks the libraries, and who loads one that is half there dies. */
    private static void loadAlone() {
        Waiting.Policy waiting;
        boolean spinning;
        try (FileChannel file = LibraryCache.lock()) { // closing it ends the lock
            if (file != null) {
                LibraryCache.mend();
            }
            Loader.load(openblas.class);
            FreedMemory.keep(System.getenv());
            waiting = Waiting.beforeLibtorch();
            environment = environment(waiting);
            spinning = Spinning.allow(environment);
            Preloads.skipAbsent();
            Loader.load(torch.class);
            torch.globalContext().setUserEnabledNNPACK(false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (waiting != Waiting.Policy.LATE) {
            Cores.use(environment);
        }
        Waiting.afterLibtorch(waiting);
        blasThreads(environment, Runtime.getRuntime().availableProcessors()).ifPresent(openblas::blas_set_num_threads);
        if (spinning) {
            Spinning.watch();
        }
    }

    /** As libgomp found it. */
    private static Map<String, String> environment(Waiting.Policy waiting) {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (waiting == Waiting.Policy.SET) {
            environment.put(Waiting.VARIABLE, "passive");
        }
        return environment;
    }

    /**
     * How many threads OpenBLAS is to have; empty where the environment names a number for it.
     *
     * <p>One where OpenMP's threads spin too, since {@code OMP_WAIT_POLICY=passive} wasn't set as libgomp was loaded; else half of
     * the cores, so that other work on the other half holds nothing up, and at most {@code OMP_NUM_THREADS}. A core of two
     * hardware threads counts as two cores and multiplies with one of them as fast as with both. It doesn't follow the load,
     * since the last bits of a product depend on it.
     */
    static OptionalInt blasThreads(Map<String, String> environment, int cores) {
        if (CHOSEN.stream().anyMatch(environment::containsKey)) {
            return OptionalInt.empty();
        }
        if (!"passive".equalsIgnoreCase(environment.get(Waiting.VARIABLE))) {
            return OptionalInt.of(1);
        }
        Matcher most = NUMBER.matcher(environment.getOrDefault("OMP_NUM_THREADS", ""));
        int half = Math.max(1, cores / 2);
        return OptionalInt.of(most.lookingAt() ? Math.min(half, Integer.parseInt(most.group())) : half);
    }

    private static void unlessSet(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }
}
