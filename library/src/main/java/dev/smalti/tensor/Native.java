package dev.smalti.tensor;

import org.bytedeco.javacpp.Loader;

/**
 * Settings that must be made before libtorch is loaded or before its first product.
 *
 * <p>Two traps are closed here for whoever embeds the library; the launcher and the tests set the same by environment.
 * JavaCPP refuses allocations once the process holds more than twice the Java heap, which a model easily does: the limit
 * is lifted unless somebody chose one. And OpenMP's threads spin while they wait, against OpenBLAS's and whatever else
 * shares the cores: unless {@code OMP_WAIT_POLICY} was set when the process started, they are told to sleep, as
 * {@link Waiting} explains. Where they do spin, OpenBLAS is held to one thread.
 */
public final class Native {
    static {
        lift("org.bytedeco.javacpp.maxbytes");
        lift("org.bytedeco.javacpp.maxphysicalbytes");
        Loader.load(org.bytedeco.openblas.global.openblas.class);
        Waiting.Policy waiting = Waiting.beforeLibtorch();
        Loader.load(org.bytedeco.pytorch.global.torch.class);
        Waiting.afterLibtorch(waiting);
        if (waiting != Waiting.Policy.SET && !"passive".equalsIgnoreCase(System.getenv(Waiting.VARIABLE))) {
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
