package dev.smalti.distributed;

import dev.smalti.tensor.Native;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.global.torch;

/** The processor's threads, where processes of one machine share them. */
public final class Threads {
    private Threads() {}

    /** Those of each of so many processes. */
    public static int each(int processes) {
        return Math.max(1, Runtime.getRuntime().availableProcessors() / processes);
    }

    /** Leaves this thread, and those yet to come, no more than their share. */
    public static void share(int processes) {
        Native.load();
        torch.set_num_threads(Math.min(torch.get_num_threads(), each(processes)));
        openblas.blas_set_num_threads(Math.min(openblas.blas_get_num_threads(), each(processes)));
    }
}
