package dev.smalti.tensor;

import org.bytedeco.javacpp.Loader;

/**
 * Settings that must be made before libtorch is loaded or before its first product.
 *
 * <p>Two traps are closed here for whoever embeds the library; the launcher and the tests set the same by environment.
 * JavaCPP refuses allocations once the process holds more than twice the Java heap, which a model easily does: the limit
 * is lifted unless somebody chose one. And OpenBLAS's own threads spin against OpenMP's: unless
 * {@code OMP_WAIT_POLICY=passive} was set when the process started (it is read as libgomp loads, so it can't be set
 * later), OpenBLAS is held to one thread.
 */
public final class Native {
    static {
        lift("org.bytedeco.javacpp.maxbytes");
        lift("org.bytedeco.javacpp.maxphysicalbytes");
        Loader.load(org.bytedeco.openblas.global.openblas.class);
        Loader.load(org.bytedeco.pytorch.global.torch.class);
        if (!"passive".equalsIgnoreCase(System.getenv("OMP_WAIT_POLICY"))) {
            org.bytedeco.openblas.global.openblas.blas_set_num_threads(1);
        }
    }

    private Native() {}

    /** Loads the native libraries, once a process; later calls cost nothing. */
    public static void load() {}

    private static void lift(String property) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, "0");
        }
    }
}
