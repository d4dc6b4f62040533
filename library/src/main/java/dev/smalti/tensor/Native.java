package dev.smalti.tensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/**
 * Settings that must be made before libtorch is loaded or before its first product.
 *
 * <p>Three traps are closed here for whoever embeds the library. JavaCPP refuses allocations once the process holds more than
 * twice the Java heap, which a model easily does: the limit is lifted unless somebody chose one. OpenMP's threads spin while
 * they wait, against OpenBLAS's and whatever else shares the cores: unless {@code OMP_WAIT_POLICY} was set when the process
 * started, they are told to sleep, as {@link Waiting} explains.
 *
 * <p>And OpenBLAS, which multiplies float32 matrices on the CPU, waits for its threads by spinning, so one that isn't scheduled
 * holds up all, several times a product. It gets as many threads as cores are free, as {@link BlasThreads} says.
 */
public final class Native {
    static {
        lift("org.bytedeco.javacpp.maxbytes");
        lift("org.bytedeco.javacpp.maxphysicalbytes");
        Waiting.Policy waiting = loadAlone();
        Waiting.afterLibtorch(waiting);
        BlasThreads.choose(
                environment(waiting), Runtime.getRuntime().availableProcessors(), openblas::blas_set_num_threads);
    }

    private Native() {}

    /** Loads the native libraries, once a process; later calls cost nothing. */
    public static void load() {}

    /** While no other process does: the first one unpacks the libraries, and who loads one that is half there dies. */
    private static Waiting.Policy loadAlone() {
        try (FileChannel file = lock()) { // closing it ends the lock
            return loadBoth();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Null where the cache can't be written, or another class loader of this process has the lock. */
    private static FileChannel lock() {
        FileChannel file = null;
        try {
            file = FileChannel.open(
                    Loader.getCacheDir().toPath().resolve("smalti.lock"),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE);
            file.lock();
            return file;
        } catch (IOException | OverlappingFileLockException e) {
            return null;
        }
    }

    private static Waiting.Policy loadBoth() {
        Loader.load(openblas.class);
        Waiting.Policy waiting = Waiting.beforeLibtorch();
        Loader.load(torch.class);
        return waiting;
    }

    /** As libgomp found it. */
    private static Map<String, String> environment(Waiting.Policy waiting) {
        Map<String, String> environment = new HashMap<>(System.getenv());
        if (waiting == Waiting.Policy.SET) {
            environment.put(Waiting.VARIABLE, "passive");
        }
        return environment;
    }

    private static void lift(String property) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, "0");
        }
    }
}
