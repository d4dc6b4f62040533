package dev.smalti.tensor;

import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/**
 * Settings that must be made before libtorch is loaded or before its first product.
 *
 * <p>JavaCPP refuses allocations once the process holds more than twice the Java heap, which a model easily does: the limit
 * is lifted unless somebody chose one.
 *
 * <p>OpenBLAS, which multiplies float32 matrices on the CPU, waits for its threads by spinning, so one that isn't scheduled
 * holds up all, several times a product. It gets as many threads as {@link #blasThreads} says, unless the environment says
 * how many. What comes out of a product is the same.
 */
public final class Native {
    private static final List<String> CHOSEN = List.of("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS");

    static {
        lift("org.bytedeco.javacpp.maxbytes");
        lift("org.bytedeco.javacpp.maxphysicalbytes");
        Loader.load(openblas.class);
        Loader.load(torch.class);
        int usual = openblas.blas_get_num_threads();
        int threads = blasThreads(System.getenv(), usual);
        if (threads != usual) {
            openblas.blas_set_num_threads(threads);
        }
    }

    private Native() {}

    /** Loads the native libraries, once a process; later calls cost nothing. */
    public static void load() {}

    /**
     * How many threads OpenBLAS gets: as many as the environment names; one where OpenMP's threads spin too, since
     * {@code OMP_WAIT_POLICY=passive} wasn't set as the process began (it is read as libgomp loads, so it can't be set
     * later); else half of the usual, so that other work on half of the cores holds nothing up. A core of two hardware
     * threads multiplies with one of them as fast as with both.
     *
     * @param usual what OpenBLAS takes by itself: all cores, or {@code OMP_NUM_THREADS}
     */
    static int blasThreads(Map<String, String> environment, int usual) {
        if (CHOSEN.stream().anyMatch(environment::containsKey)) {
            return usual;
        }
        boolean passive = "passive".equalsIgnoreCase(environment.get("OMP_WAIT_POLICY"));
        return passive ? Math.max(1, usual / 2) : 1;
    }

    private static void lift(String property) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, "0");
        }
    }
}
