package dev.smalti.distributed;

import dev.smalti.tensor.Cuda;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.nccl.ProcessGroupNCCL;

/**
 * NCCL, which sums what lies on GPUs from one to the other, where {@code SMALTI_BACKEND=nccl} asks for it. Natives for CUDA bring what binds it; those for the CPU on a
 * PyTorch wheel's libraries don't.
 */
final class Nccl {
    private static final String BACKEND = "SMALTI_BACKEND";

    private Nccl() {}

    /**
     * Whether it is asked for.
     *
     * @throws IllegalArgumentException if something else than gloo or nccl is, or it can't be loaded here
     */
    static boolean asked(Map<String, String> environment) {
        String backend = environment.getOrDefault(BACKEND, "gloo");
        if (!backend.equals("gloo") && !backend.equals("nccl")) {
            throw new IllegalArgumentException(BACKEND + " must be gloo or nccl, got " + backend);
        }
        if (backend.equals("gloo")) {
            return false;
        }
        String problem = Cuda.problem().orElseGet(Nccl::unbound);
        if (problem != null) {
            throw new IllegalArgumentException(BACKEND
                    + " is nccl, which needs a GPU and natives that bind it (docs/scale.md says which): " + problem
                    + ". Or leave it out: Gloo sums through the processor's memory");
        }
        return true;
    }

    /** @return null if it can be loaded */
    private static String unbound() {
        try {
            Loader.load(ProcessGroupNCCL.class);
            return null;
        } catch (LinkageError | TypeNotPresentException e) {
            return e.getMessage();
        }
    }

    /**
     * This process's part. The processes find each other when something is summed for the first time, each by its tensor's GPU.
     *
     * @param longest milliseconds of waiting for one another, after which c10d ends the process
     */
    static Backend begin(Store store, int rank, int size, long longest) {
        ProcessGroupNCCL.Options options = ProcessGroupNCCL.Options.create();
        options.timeout(new Milliseconds(longest));
        return new ProcessGroupNCCL(new PrefixStore("nccl", store), rank, size, options);
    }
}
