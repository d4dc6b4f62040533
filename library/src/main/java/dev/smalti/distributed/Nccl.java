package dev.smalti.distributed;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.PrefixStore;
import org.bytedeco.pytorch.Store;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.nccl.ProcessGroupNCCL;

/** NCCL, which sums what lies on GPUs from one to the other. Natives for CUDA bring what binds it; those for the CPU on a PyTorch wheel's libraries don't. */
final class Nccl {
    private Nccl() {}

    /** Whether this process can take part. */
    static boolean there() {
        try {
            return torch.cuda_is_available() && Loader.load(ProcessGroupNCCL.class) != null;
        } catch (LinkageError e) {
            return false;
        }
    }

    /** This process's part. The processes find each other when something is summed for the first time, each by its tensor's GPU. */
    static Backend begin(Store store, int rank, int size) {
        return new ProcessGroupNCCL(new PrefixStore("nccl", store), rank, size);
    }
}
