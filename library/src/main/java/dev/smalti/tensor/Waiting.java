package dev.smalti.tensor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.openblas.global.openblas.LAPACK_C_SELECT1;
import org.bytedeco.pytorch.global.torch;
import org.slf4j.LoggerFactory;

/**
 * How OpenMP's threads wait for each other: asleep, whatever the environment forgot to say.
 *
 * <p>libgomp's threads spin while they wait, unless {@code OMP_WAIT_POLICY=passive}. Where other work shares the cores, a
 * thread that spins keeps the one that it waits for from running, and training comes almost to a halt. The launcher sets
 * the variable, but an embedding program is started by others. libgomp reads it once, as it is loaded, and Java can't
 * change its own environment, so it is set here by libc's {@code putenv} in the moment before: JavaCPP calls any
 * function whose signature one of its presets has, and {@code int select(const float complex *)} of LAPACK is, to a
 * machine, {@code int putenv(char *)}. Only where the variable is unset, and only on Linux. While nobody else wants the
 * cores, they may spin all the same: {@link Spinning}.
 */
final class Waiting {
    static final String VARIABLE = "OMP_WAIT_POLICY";

    /** What came of it. */
    enum Policy {
        /** The variable was set when the process began, to whatever. */
        CHOSEN,
        /** It was unset, and is {@code passive} now. */
        SET,
        /** libgomp was loaded already, by another library: OpenMP must be held to one thread. */
        LATE,
        /** Another system, of which nothing is known. */
        UNKNOWN
    }

    private Waiting() {}

    /** To be called after OpenBLAS is loaded and before libtorch is. */
    static Policy beforeLibtorch() {
        if (System.getenv(VARIABLE) != null) {
            return Policy.CHOSEN;
        }
        if (!Loader.getPlatform().startsWith("linux")) {
            return Policy.UNKNOWN;
        }
        if (loaded("libgomp")) {
            return Policy.LATE;
        }
        return put(VARIABLE + "=passive") ? Policy.SET : Policy.LATE;
    }

    /** To be called once libtorch is loaded. */
    static void afterLibtorch(Policy policy) {
        String unset = VARIABLE + " is not set: ";
        switch (policy) {
            case CHOSEN -> {}
            case SET ->
                LoggerFactory.getLogger(Waiting.class)
                        .warn(unset + "set to passive for this process, since OpenMP's threads would spin while they"
                                + " wait; set it in the environment to choose yourself");
            case LATE -> {
                torch.set_num_threads(1);
                LoggerFactory.getLogger(Waiting.class)
                        .warn(unset + "another library loaded OpenMP before, so it is held to one thread, since its"
                                + " threads would spin while they wait; set it to passive in the environment");
            }
            case UNKNOWN ->
                LoggerFactory.getLogger(Waiting.class)
                        .warn(unset + "set it to passive in the environment, or OpenMP's threads may spin while they"
                                + " wait");
        }
    }

    /** Whether a library of that name is part of this process. */
    static boolean loaded(String name) {
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1)) {
            return maps.anyMatch(line -> line.contains("/" + name));
        } catch (IOException e) {
            return false;
        }
    }

    /** Sets a variable of the environment that libraries see which are loaded from now on. */
    static boolean put(String assignment) {
        Pointer putenv = Loader.addressof("putenv");
        if (putenv == null) {
            return false;
        }
        // libc keeps the very bytes, so they must never be freed: memory without a deallocator
        byte[] text = (assignment + "\0").getBytes(StandardCharsets.US_ASCII);
        Pointer bytes = Pointer.malloc(text.length);
        new BytePointer(bytes).capacity(text.length).put(text);
        // what JavaCPP calls a function pointer is the address of a struct that begins with one
        try (PointerPointer<Pointer> function = new PointerPointer<>(2)) {
            return new LAPACK_C_SELECT1(function.put(0, putenv)).call(new FloatPointer(bytes)) == 0;
        }
    }
}
