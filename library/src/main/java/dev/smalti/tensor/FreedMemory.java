package dev.smalti.tensor;

import java.util.Map;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.openblas.global.openblas.LAPACK_S_SELECT2;

/**
 * What tensors free stays with the process, for the next ones.
 *
 * <p>glibc takes memory of more than 32 MB from the system anew at each tensor, and gives back what is freed at the end of its heap: all its pages are then
 * filled with zeros before the next tensor is, by one core, which takes longer than most of what is computed with them. The launcher says otherwise in the environment, which glibc reads
 * as the process begins; for an embedding program it is said here by libc's {@code mallopt}, each parameter that the environment doesn't name. JavaCPP can call it as {@link Waiting}
 * explains: {@code int select(const float *, const float *)} of LAPACK is, to a machine, {@code int mallopt(int, int)}. Only where there is one, so with glibc. Threads that have had pieces
 * of memory of their own before then go on with those, of 64 MB at most; what is larger comes from the system still.
 */
final class FreedMemory {
    /** Of {@code mallopt}, with the value that the launcher gives to the variable. */
    private enum Parameter {
        MALLOC_TRIM_THRESHOLD_(-1, Integer.MAX_VALUE),
        MALLOC_TOP_PAD_(-2, 1 << 26),
        MALLOC_MMAP_THRESHOLD_(-3, 1 << 30),
        MALLOC_ARENA_MAX(-8, 1);

        private final int number; // as in malloc.h
        private final int value;

        Parameter(int number, int value) {
            this.number = number;
            this.value = value;
        }
    }

    private FreedMemory() {}

    /**
     * To be called once OpenBLAS is loaded.
     *
     * @param environment of the process, as it began
     */
    static void keep(Map<String, String> environment) {
        Pointer mallopt = Loader.getPlatform().startsWith("linux") ? Loader.addressof("mallopt") : null;
        if (mallopt == null || environment.getOrDefault("GLIBC_TUNABLES", "").contains("glibc.malloc")) {
            return;
        }
        // what JavaCPP calls a function pointer is the address of a struct that begins with one
        try (PointerPointer<Pointer> function = new PointerPointer<>(2)) {
            LAPACK_S_SELECT2 call = new LAPACK_S_SELECT2(function.put(0, mallopt));
            for (Parameter each : Parameter.values()) {
                if (!environment.containsKey(each.name())) {
                    call.call(new Number(each.number), new Number(each.value));
                }
            }
        }
    }

    /** What a function that takes an int finds in its place. */
    private static final class Number extends FloatPointer {
        Number(int value) {
            super((Pointer) null);
            address = value;
        }
    }
}
